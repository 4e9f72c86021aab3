/** The sequence of docs/EMULATOR.md, on a disk of the test's own, with small trees for those of the README. */
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import * as assert from 'uvu/assert'
import { nodeHost } from '../support/host.ts'
import { systemImage } from '../support/image.ts'
import { Page } from '../support/page.ts'
import { startDaemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { shell } from '../support/shell.ts'
import { test } from '../support/suite.ts'
import { makeTree } from '../support/tree.ts'

const page = new Page('docs/EMULATOR.md', 'test/docs/emulator.test.ts')

test('the sequence takes a laptop in memory from 41 to 42', async () => {
  const folder = scratch('emulated')
  const [first, disk] = [join(folder, 'build/first'), join(folder, 'laptop.disk')]
  mkdirSync(first, { recursive: true })
  shell('xo-upgrade keygen --to keys', { folder: first })
  for (const version of [41, 42]) {
    makeTree(nodeHost(), join(first, `tree-${version}`), systemImage(version))
    const words = `--image tree-${version} --version ${version} --to module --key keys/release.sec`
    shell(`xo-upgrade publish ${words}`, { folder: first })
  }
  const daemon = await startDaemon('rsync', [{ name: 'xo', path: join(first, 'module') }])
  try {
    const said = page
      .next('sh', 'npm run emulate -- put ')
      .replaceAll('npm run emulate --', `node tools/emulate.mjs --disk ${disk}`)
      .replaceAll('build/first', first)
      .replace('8730', String(daemon.port))
      .trim()
      .split('\n')
      .map((line) => shell(line, { folder: resolve('.') }))
    assert.match(said.at(-1) ?? '', /fakeroot[\s\S]*only-42[\s\S]*previous-root[\s\S]*only-41/)
  } finally {
    await daemon.stop()
  }
})

test('every block that names this file was run', () => {
  assert.equal(page.left(), [])
})

test.run()
