/** What the README and the operator's guide tell people to type is run, and their configurations read. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseConfiguration } from '../../src/command-line/configuration.ts'
import { PROGRAM } from '../support/device.ts'
import { nodeHost } from '../support/host.ts'
import { image41, image42 } from '../support/image.ts'
import { freePort } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { linesOfTree, makeTree } from '../support/tree.ts'

const README = readFileSync('README.md', 'utf8')
const OPERATING = readFileSync('docs/OPERATING.md', 'utf8')
const host = nodeHost()

/** The content of the fenced blocks of a language, from a place of the text on. */
function blocks(text: string, language: string, after = ''): string[] {
  const start = text.indexOf(after)
  assert.ok(start >= 0, `"${after}" is not there`)
  const fence = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms')
  return [...text.slice(start).matchAll(fence)].map(([, content]) => content as string)
}

test('the first upgrade of the README works as it stands there', async () => {
  const folder = scratch('readme')
  const port = String(await freePort())
  const [commands = ''] = blocks(README, 'sh', '<!-- tested: test/docs/readme.test.ts')
  const [daemon = ''] = blocks(README, 'ini', 'with this `rsyncd.conf`')
  assert.match(commands, 'rsync://127.0.0.1:8730/xo')
  assert.match(daemon, 'port = 8730')
  makeTree(host, join(folder, 'tree-41'), image41())
  makeTree(host, join(folder, 'tree-42'), image42())
  const pidFile = join(folder, 'pid')
  const place = `address = 127.0.0.1\npid file = ${pidFile}\nlog file = ${folder}/log\n`
  writeFileSync(join(folder, 'rsyncd.conf'), place + daemon.replaceAll('8730', port))
  try {
    const { status, stdout, stderr } = spawnSync(
      'bash',
      ['-euc', commands.replaceAll('8730', port)],
      {
        cwd: folder,
        encoding: 'utf8',
        // Node's pipes are sockets, and a daemon whose stdin is one believes that inetd started it.
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: 60_000,
        env: { PATH: `${dirname(PROGRAM)}:${process.env.PATH}` },
      },
    )
    assert.is(status, 0, stdout + stderr)
    assert.match(stdout, /running +42/)
    assert.match(stdout, /previous +41/)
    const plain = (root: string) => linesOfTree(host, join(folder, root), { inodes: false })
    assert.equal(plain('store/fakeroot/root'), plain('tree-42'))
  } finally {
    if (existsSync(pidFile)) await ended(Number(readFileSync(pidFile, 'utf8')))
  }
})

/** Ends a process, and waits until it has written its last line. */
async function ended(pid: number): Promise<void> {
  try {
    for (let signal: 'SIGTERM' | 0 = 'SIGTERM', tries = 0; tries < 200; signal = 0, tries++) {
      process.kill(pid, signal)
      await sleep(25)
    }
  } catch {
    // It is gone.
  }
}

test('every configuration of the guide that is ours parses, and sets what it shows', () => {
  const all = blocks(OPERATING, 'ini')
  assert.ok(all.length >= 2)
  const ours = all.filter((block) => block.includes('[store]'))
  assert.ok(ours.length >= 1)
  for (const block of ours) {
    const configuration = parseConfiguration(block, 'docs/OPERATING.md')
    assert.is(configuration.store, '/xo')
    assert.is(configuration.schools.length, 1)
    assert.is(configuration.sources.length, 1)
  }
})

test('the daemon’s configuration of the guide serves', async () => {
  const [block = ''] = blocks(OPERATING, 'ini').filter((one) => one.includes('[xo]'))
  const folder = scratch('guide')
  const module = join(folder, 'xo')
  mkdirSync(module)
  writeFileSync(join(module, 'latest'), 'x')
  const port = String(await freePort())
  const pidFile = join(folder, 'pid')
  const place = `address = 127.0.0.1\nport = ${port}\npid file = ${pidFile}\nlog file = ${folder}/log\n`
  const file = join(folder, 'rsyncd.conf')
  writeFileSync(file, place + block.replace('/srv/xo', module))
  try {
    assert.is(spawnSync('rsync', ['--daemon', `--config=${file}`], { stdio: 'ignore' }).status, 0)
    const { stdout } = spawnSync(
      'bash',
      [
        '-c',
        `for i in 1 2 3 4 5 6 7 8 9; do rsync rsync://127.0.0.1:${port}/xo/ && break; sleep 0.2; done`,
      ],
      { encoding: 'utf8' },
    )
    assert.match(stdout, / latest\n/)
  } finally {
    if (existsSync(pidFile)) process.kill(Number(readFileSync(pidFile, 'utf8')))
  }
})

test('files that the documents name are there', () => {
  for (const text of [README, OPERATING]) {
    for (const [, path] of text.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
      const base = text === README ? '.' : 'docs'
      assert.ok(existsSync(join(base, path as string)), path as string)
    }
  }
})

test.run()
