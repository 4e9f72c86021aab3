/**
 * The main job, end to end: the real program against a stock rsync daemon. Install, upgrade, swap,
 * roll back, recycle; what crosses the network, and what the new tree shares with the old one.
 */
import {
  chmodSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Device, run } from '../support/device.ts'
import { nodeHost } from '../support/host.ts'
import {
  BIG,
  BIG_SIZE,
  COPIED,
  COPY,
  FRESH_SIZE,
  image41,
  image42,
  MOVED_FROM,
  MOVED_TO,
  SAME,
  smallImage,
  TOUCHED,
} from '../support/image.ts'
import { Publisher } from '../support/release.ts'
import { type Daemon, startDaemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { digestOfTree, linesOfTree, makeTree } from '../support/tree.ts'

const host = nodeHost()
const publisher = new Publisher()
const small = new Publisher()
let daemon: Daemon
const urlOf = (name: string) => `rsync://127.0.0.1:${daemon.port}/${name}`

test.before(async () => {
  publisher.publish(41, image41())
  publisher.publish(42, image42())
  small.publish(1, smallImage(1))
  daemon = await startDaemon('rsync', [
    { name: 'xo', path: publisher.module },
    { name: 'small', path: small.module },
  ])
})

test.after(async () => {
  await daemon.stop()
})

async function deviceOn(version: number): Promise<Device> {
  const device = new Device({ sources: [urlOf('xo')], keys: publisher.keys.publicFile })
  await device.succeed('install', ['--version', String(version)])
  return device
}

const plain = (root: string) => linesOfTree(host, root, { inodes: false })
const published = (version: number) => plain(join(publisher.module, String(version), 'root'))
const inode = (path: string) => lstatSync(path, { bigint: true }).ino

test('install, upgrade, verify, swap, roll back: each tree is the one that was published', async () => {
  const device = await deviceOn(41)
  assert.equal(plain(device.root()), published(41))
  assert.equal(readdirSync(join(device.store, 'fakeroot')).sort(), ['manifest', 'release', 'root'])
  const before = digestOfTree(host, device.root())

  const result = await device.succeed('upgrade')
  assert.is(result.outcome, 'staged')
  assert.is(result.running, 41)
  assert.is(result.version, 42)
  assert.is(digestOfTree(host, device.root()), before, 'the running tree is only read')
  assert.equal(plain(device.root('upgraded-root')), published(42))
  assert.not.ok(existsSync(join(device.store, 'staging')))
  const upgraded = await device.succeed('verify', ['--full', '--tree', 'upgraded-root'])
  assert.equal(upgraded.damage, [])

  const waiting = await device.succeed('upgrade')
  assert.is(waiting.outcome, 'waiting')
  let status = await device.succeed('status')
  assert.equal(
    [status.running, status.waiting, status.previous, status.floor],
    [41, 42, undefined, 42],
  )

  assert.equal(await device.succeed('swap'), {
    event: 'result',
    outcome: 'swapped',
    source: 41,
    target: 42,
  })
  assert.equal(plain(device.root()), published(42))
  assert.equal(plain(device.root('previous-root')), published(41))
  assert.is(digestOfTree(host, device.root('previous-root')), before)
  assert.is((await device.succeed('upgrade')).outcome, 'up-to-date')

  assert.is((await device.succeed('roll-back')).target, 41)
  assert.is(digestOfTree(host, device.root()), before)
  status = await device.succeed('status')
  assert.equal([status.running, status.waiting, status.previous], [41, undefined, 42])
  for (const tree of ['fakeroot', 'previous-root']) {
    assert.equal((await device.succeed('verify', ['--full', '--tree', tree])).damage, [])
  }
})

test('only what changed crosses the network, and files come as differences', async () => {
  const device = await deviceOn(41)
  const { status, events, result } = await device.run('upgrade')
  assert.is(status, 0)
  assert.is(result.fetchedFiles, 8)
  assert.is(result.edited, 0)
  const bytes = events.filter(({ event }) => event === 'progress').at(-1)
  // FRESH and its twin are new and can't be compressed; BIG and the library come as a few blocks.
  const expected = FRESH_SIZE + 70_000 + 15_000
  assert.ok(bytes?.received > expected, `${bytes?.received} bytes`)
  assert.ok(bytes?.received < expected + 100_000, `${bytes?.received} bytes`)
  assert.ok(bytes?.sent < 30_000, `${bytes?.sent} bytes`)
})

test('what did not change is shared, and what changed in anything has its own inode', async () => {
  const device = await deviceOn(41)
  const before = digestOfTree(host, device.root())
  await device.succeed('upgrade')
  const live = (name: string) => join(device.root(), name)
  const next = (name: string) => join(device.root('upgraded-root'), name)
  for (const name of [SAME, COPIED, 'usr/bin/ping', 'usr/bin/su', 'usr/bin/perl5.36']) {
    assert.is(inode(next(name)), inode(live(name)), name)
  }
  assert.is(inode(next(MOVED_TO)), inode(live(MOVED_FROM)))
  assert.is.not(inode(next(COPY)), inode(live(COPIED)))
  for (const name of TOUCHED) assert.is.not(inode(next(name)), inode(live(name)), name)
  assert.is.not(inode(next(BIG)), inode(live(BIG)))
  assert.is(lstatSync(next(BIG)).size, BIG_SIZE)
  assert.is(digestOfTree(host, device.root()), before)
})

test('nothing newer costs one session of under 4 KB', async () => {
  const device = await deviceOn(42)
  const { events, result } = await device.run('upgrade')
  assert.is(result.outcome, 'up-to-date')
  const { received, sent } = events.filter(({ event }) => event === 'progress').at(-1) ?? {}
  assert.ok(received + sent < 4096, `${received} received, ${sent} sent`)
  assert.ok(received > 100 && sent > 100)
})

test('local edits end with the upgrade, and are reported', async () => {
  const device = await deviceOn(41)
  const live = (name: string) => join(device.root(), name)
  writeFileSync(live(SAME), 'edited on the laptop')
  chmodSync(live('usr/bin/su'), 0o755)
  unlinkSync(live('usr/share/small-3'))
  writeFileSync(live('etc/of-the-user'), 'not of the system')
  const before = digestOfTree(host, device.root())
  const { status, result, events } = await device.run('upgrade')
  assert.is(status, 0)
  assert.is(result.edited, 3)
  const notes = events.filter(({ event }) => event === 'note').map(({ text }) => text)
  assert.ok(notes.some((text) => /^3 files of the running system were edited/.test(text)))
  assert.equal(plain(device.root('upgraded-root')), published(42))
  assert.is(digestOfTree(host, device.root()), before)
  assert.equal((await device.succeed('verify', ['--full', '--tree', 'upgraded-root'])).damage, [])
})

test('the previous tree is recycled, and damage in it is healed', async () => {
  const device = new Device({ sources: [urlOf('small')], keys: small.keys.publicFile })
  await device.succeed('install')
  small.publish(2, smallImage(2))
  await device.succeed('upgrade')
  await device.succeed('swap')
  await device.succeed('confirm', ['--force'])
  // 3 goes back to a file of 1, which is in the previous tree, damaged with the same size and time.
  const three = smallImage(3)
  const old = smallImage(1).get('etc/only-1')
  if (!old) throw new Error('no such entry')
  three.set('etc/only-1', old)
  small.publish(3, three)
  const damaged = join(device.root('previous-root'), 'etc/only-1')
  const kept = inode(damaged)
  const content = readFileSync(damaged)
  content[100] = (content[100] ?? 0) ^ 1
  writeFileSync(damaged, content)
  utimesSync(damaged, 1_700_000_000, 1_700_000_000)
  await device.succeed('upgrade')
  const healed = join(device.root('upgraded-root'), 'etc/only-1')
  assert.is.not(inode(healed), kept)
  assert.equal(plain(device.root('upgraded-root')), plain(join(small.module, '3', 'root')))
  assert.equal((await device.succeed('verify', ['--full', '--tree', 'upgraded-root'])).damage, [])
  assert.not.ok(existsSync(join(device.store, 'previous-root')))
})

test('what is intact in the previous tree stays as it is', async () => {
  const own = new Publisher()
  own.publish(1, image41())
  own.publish(2, image42())
  const stick = new Device({ sources: [`file://${own.module}`], keys: own.keys.publicFile })
  await stick.succeed('install', ['--version', '1'])
  await stick.succeed('upgrade')
  await stick.succeed('swap')
  await stick.succeed('confirm', ['--force'])
  own.publish(3, image41())
  const inodes = new Map(
    [BIG, 'usr/lib/removed.so', 'etc/release', SAME].map((name) => [
      name,
      inode(join(stick.root('previous-root'), name)),
    ]),
  )
  const { fetchedFiles } = await stick.succeed('upgrade')
  assert.is(fetchedFiles, 0)
  for (const [name, number] of inodes) {
    assert.is(inode(join(stick.root('upgraded-root'), name)), number, name)
  }
  assert.equal(plain(stick.root('upgraded-root')), plain(join(own.module, '3', 'root')))
})

test('odd names go the whole way: published by the program, served, staged, verified', async () => {
  const own = new Publisher()
  const image = join(scratch('image'), 'image')
  makeTree(host, image, image42())
  const at = ['--to', own.module, '--key', own.keys.secretFile, '--json']
  const first = await run(['publish', '--any-tree', '--image', image, '--version', '7', ...at])
  assert.is(first.status, 0, first.stderr)
  assert.is(first.result.published, true)
  const again = await run(['publish', '--any-tree', '--image', image, '--version', '7', ...at])
  assert.is(again.result.published, false)
  assert.equal(plain(join(own.module, '7', 'root')), plain(image))
  const odd = await startDaemon('rsync', [{ name: 'odd', path: own.module }])
  try {
    const url = `rsync://127.0.0.1:${odd.port}/odd`
    const device = new Device({ sources: [url], keys: own.keys.publicFile })
    await device.succeed('install')
    assert.equal(plain(device.root()), plain(image))
    assert.equal((await device.succeed('verify', ['--full'])).damage, [])
  } finally {
    await odd.stop()
  }
})

test.run()
