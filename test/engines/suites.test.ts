/**
 * The unit tests of src/ are among those that every engine runs. One that must stay in Node is named here
 * with what it needs, so that none drops out in silence.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { test } from '../support/suite.ts'
import { neutralTests, whyNodeOnly } from './suites.ts'

const COMPILED = fileURLToPath(new URL('../', import.meta.url))

/** Folders with unit tests of src/, all but test/boot, which boots machines: src/boot has early-boot. */
const FOLDERS = readdirSync('src')
  .filter((name) => name !== 'boot')
  .concat('early-boot', 'hostile', 'vectors')

/** A server, a peer or a service beside the test, the program itself, or what only Node can do. */
const IN_NODE = [
  'call-home/program.test.ts: runs the program against a home server',
  'command-line/without-root.test.ts: runs as somebody else',
  'command-line/words.test.ts: runs the program before pipes',
  'daemon/memory.test.ts: tells the collector to collect',
  'daemon/rc.test.ts: starts the rc script of the program',
  'home/home-server.test.ts: runs the program as a server',
  'device/one-daemon.test.ts: asks Node for its process number',
  'device/round.test.ts: has a home server in Node',
  'hostile/altered-wire.test.ts: plays thousands of sessions',
  'hostile/attack-told.test.ts: answers as a home server in Node',
  'hostile/cut-clients.test.ts: cuts connections of Node',
  'hostile/heavy-lines.test.ts: runs the program against a daemon in Node',
  'hostile/home-server.test.ts: answers as a server in Node',
  'hostile/memory.test.ts: runs the program against a daemon in Node',
  'hostile/mute-source.test.ts: runs the program beside a source in Node',
  'hostile/rsync-client-requests.test.ts: speaks bytes over sockets of Node',
  'hostile/rsync-client.test.ts: speaks bytes over sockets of Node',
  'hostile/serve-program.test.ts: attacks the program',
  'hooks.test.ts: asks Node who it is',
  'publish/large-files.test.ts: runs the program that makes packs',
  'peers/neighbours-network.test.ts: makes network namespaces',
  'publish/mapped-owners.test.ts: runs the program in a user namespace',
  'publish/mounted.test.ts: mounts file systems of its own',
  'push/push-daemon.test.ts: runs the program as a daemon',
  'push/push-network.test.ts: makes network namespaces',
  'serve/daemon.test.ts: runs the program as a daemon',
  'serve/server.test.ts: has clients in Node',
  'serve/session.test.ts: has a clock that jumps while a slow engine is still at work',
  'source/rsync-source.test.ts: talks with a stock rsync',
  'source/source.test.ts: has a server that is slow',
  'staging/rehearsal.test.ts: mounts file systems of its own',
  'store/store.test.ts: has a second process at the same lock',
  'store/working-directory.test.ts: changes the working directory',
  'vectors/sender.test.ts: plays recordings to a stock rsync',
]

const unitTests = () =>
  readdirSync('test', { recursive: true, encoding: 'utf8' }).filter((name) => {
    const [folder = ''] = name.split('/')
    return name.endsWith('.test.ts') && (FOLDERS.includes(folder) || !name.includes('/'))
  })

test('each unit test of src/ runs on every engine, or is named with what it needs', () => {
  const reasons = unitTests()
    .map((name) => ({ name, why: whyNodeOnly(join(COMPILED, name.replace(/ts$/, 'js'))) }))
    .filter(({ name, why }) => why && !IN_NODE.some((line) => line.startsWith(`${name}: `)))
    .map(({ name, why }) => `${name} runs in Node alone: ${why}`)
  assert.equal(reasons, [])
})

test('what is named does need Node', () => {
  const running = neutralTests().map((file) => file.slice(COMPILED.length).replace(/js$/, 'ts'))
  const wrong = IN_NODE.filter((line) => {
    const [name = ''] = line.split(': ')
    return running.includes(name) || !unitTests().includes(name)
  })
  assert.equal(wrong, [])
})

test('whole folders are there, with files of theirs', () => {
  const running = neutralTests().map((file) => file.slice(COMPILED.length).split('/')[0])
  for (const folder of ['store', 'staging', 'publish', 'early-boot', 'source', 'rsync', 'daemon']) {
    assert.ok(running.includes(folder), folder)
  }
})

test.run()
