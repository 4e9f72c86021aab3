/** The first upgrade of the README, as a newcomer types it, in a folder and at a port of the test's own. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import * as assert from 'uvu/assert'
import { nodeHost } from '../support/host.ts'
import { Page } from '../support/page.ts'
import { freePort } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { shell } from '../support/shell.ts'
import { test } from '../support/suite.ts'
import { linesOfTree } from '../support/tree.ts'
import { until } from '../support/until.ts'

const page = new Page('README.md', 'test/docs/readme.test.ts')
const host = nodeHost()
const project = scratch('readme')
const folder = join(project, 'build/first')

test('the trees are made of the program that was built', () => {
  mkdirSync(join(project, 'build'))
  // The commands that build are those which made this very program.
  const text = page.next('sh', 'npm run setup build\nnpm run build\n').replaceAll(/^npm .*\n/gm, '')
  shell(`ln -s ${resolve('build/x86_64')} build/x86_64\n${text}`, { folder: project })
})

test('both versions are published and served, and a device goes from one to the other', async () => {
  const port = String(await freePort())
  const here = (text: string) => text.replaceAll('8730', port)
  shell(here(page.next('sh', 'xo-upgrade keygen')), { folder })
  const pid = await started()
  try {
    const said = shell(here(page.next('sh', 'xo-upgrade install')), { folder })
    assert.match(said, /running +42, on trial/)
    assert.match(said, /previous +41/)
    const plain = (root: string) => linesOfTree(host, join(folder, root), { inodes: false })
    assert.equal(plain('store/fakeroot/root'), plain('tree-42'))
    assert.match(shell(page.next('sh', 'xo-upgrade confirm'), { folder }), /42 is confirmed/)
    await ended(pid)
  } finally {
    if (isRunning(pid)) process.kill(pid)
  }
})

test('every block that names this file was run', () => {
  assert.equal(page.left(), [])
})

const pidFile = join(folder, 'rsyncd.pid')

async function started(): Promise<number> {
  return until(() => existsSync(pidFile) && Number(readFileSync(pidFile, 'utf8')), 'the daemon')
}

async function ended(pid: number): Promise<void> {
  await until(() => !isRunning(pid), 'the end of the daemon')
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test.run()
