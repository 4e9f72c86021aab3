/**
 * Who needs root, and who does not: each command by its word in the table. Those that need none do their
 * whole job here as a user who owns nothing else.
 */
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { COMMANDS } from '../../src/command-line/commands.ts'
import { type Run, run } from '../support/device.ts'
import { smallImage } from '../support/image.ts'
import { bring, newStorePath } from '../support/node-device.ts'
import { PROGRAM } from '../support/program.ts'
import { Publisher } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { skip, test } from '../support/suite.ts'
import { until } from '../support/until.ts'

/** `nobody`. */
const USER = 65_534
const folder = scratch('user')
const at = (name: string) => join(folder, name)

test.before(() => {
  if (process.geteuid?.() !== 0) skip('only root can become another user')
  // A checkout may be where only root can go.
  copyFileSync(PROGRAM, at('program'))
  chmodSync(at('program'), 0o755)
  for (const name of ['module', 'home']) mkdirSync(at(name))
  const call = { time: 1_700_000_000, serial: 'A1', hardware: 'any', deployment: 'any' }
  writeFileSync(at('home/calls.jsonl'), `${JSON.stringify({ ...call, installed: 7 })}\n`)
  for (const name of ['', 'module', 'home', 'home/calls.jsonl']) chownSync(at(name), USER, USER)
})

/** As the user; without the variables of whoever runs the tests. */
const asUser = (...words: string[]) =>
  run(words, { uid: USER, program: at('program'), directory: folder })

async function succeeds(...words: string[]): Promise<Run> {
  const ended = await asUser(...words)
  assert.is(ended.status, 0, `${words.join(' ')}: ${ended.stdout}${ended.stderr}`)
  return ended
}

/** The whole job of each, in such an order that each has what it needs. */
const JOBS: Record<string, () => Promise<void>> = {
  async keygen() {
    for (const name of ['release', 'release-2', 'push', 'home']) {
      await succeeds('keygen', '--to', at('keys'), '--name', name)
      assert.ok(existsSync(at(`keys/${name}.sec`)))
    }
  },
  async keys() {
    const pair = ['--key', at('keys/release.sec'), '--next', at('keys/release-2.pub')]
    await succeeds('keys', '--role', 'release', ...pair, '--to', at('module'))
    assert.ok(existsSync(at('module/keys')))
  },
  async push() {
    const target = ['--address', '127.0.0.1', '--version', '7']
    await succeeds('push', '--key', at('keys/push.sec'), ...target)
  },
  async home() {
    const { stdout } = await succeeds('home', '--folder', at('home'), '--fleet')
    assert.match(stdout, /A1/)
  },
  async 'make-unlock'() {
    const words = ['--serial', 'A1', '--key', at('keys/home.sec'), '--to', folder]
    await succeeds('make-unlock', ...words)
    assert.ok(existsSync(at('unlock-A1')))
  },
  async serve() {
    const words = ['--module', at('module'), '--listen', '127.0.0.1:0']
    const child = spawn('setpriv', [
      '--reuid=65534',
      '--clear-groups',
      at('program'),
      'serve',
      ...words,
    ])
    try {
      let said = ''
      child.stdout.setEncoding('utf8').on('data', (text) => {
        said += text
      })
      await until(() => /on port ([0-9]+)/.test(said), 'a server')
      const [, port] = /on port ([0-9]+)/.exec(said) ?? []
      assert.match(
        execFileSync('rsync', [`rsync://127.0.0.1:${port}/xo/`], { encoding: 'utf8' }),
        / keys\n/,
      )
    } finally {
      child.kill()
    }
  },
}

test('every command that needs no root has its job here', () => {
  const free = COMMANDS.filter(({ needsRoot }) => !needsRoot).map(({ name }) => name)
  assert.equal(Object.keys(JOBS).sort(), free.sort())
})

for (const [name, job] of Object.entries(JOBS)) {
  test(`${name} does its whole job without root`, job)
}

test('each of the others says that it needs root, before it looks at anything', async () => {
  const publisher = new Publisher()
  publisher.publish(1, smallImage(1))
  const store = newStorePath()
  await bring('install', store, publisher)
  for (const { name, needsRoot, options } of COMMANDS) {
    if (!needsRoot) continue
    const needed = options.flatMap((option) => (option.required ? [option.name, '1'] : []))
    const place = options.some((option) => option.name === '--store') ? ['--store', store] : []
    const { status, stderr } = await asUser(name, ...needed, ...place)
    assert.is(status, 64, `${name}: ${stderr}`)
    assert.match(stderr, new RegExp(`${name} needs root`))
    assert.match(stderr, /sudo/)
  }
})

test.run()
