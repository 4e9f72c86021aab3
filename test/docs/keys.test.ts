/** Every command of docs/KEYS.md runs as it stands there, one after the other. */
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { splitChain } from '../../src/release/keys.ts'
import { scratch } from '../support/scratch.ts'
import { run } from '../support/stock-tool.ts'

test('the recipes for keys', () => {
  const folder = scratch('keys-recipes')
  for (const name of ['bin', 'module']) mkdirSync(join(folder, name))
  symlinkSync(resolve('build/x86_64/xo-upgrade'), join(folder, 'bin/xo-upgrade'))
  const text = readFileSync('docs/KEYS.md', 'utf8')
  const blocks = [...text.matchAll(/^ *```sh\n([\s\S]*?)^ *```$/gm)].map(([, block = '']) => block)
  assert.is(blocks.length, 4)
  for (const block of blocks) {
    const script = `PATH="$PWD/bin:$PATH"; set -e\n${block}`
    const { status, stderr } = run('sh', ['-c', script], { cwd: folder })
    assert.is(status, 0, `${block}\n${stderr}`)
  }
  const chain = readFileSync(join(folder, 'module/keys'))
  assert.is(splitChain(new Uint8Array(chain)).length, 3)
})

test.run()
