/**
 * Recovery, end to end: the real program against a stock rsync daemon. Trees are damaged in the ways that
 * disks and people damage them; only what is damaged crosses the network; what is whole on the disk is used
 * before any network.
 */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { startableImage } from '../early-boot/kit.ts'
import { Device, type Event } from '../support/device.ts'
import { nodeHost } from '../support/host.ts'
import { BIG, image41, image42, SAME } from '../support/image.ts'
import { Publisher } from '../support/release.ts'
import { type Daemon, startDaemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { digestOfTree, linesOfTree } from '../support/tree.ts'

const host = nodeHost()
const publisher = new Publisher()
let daemon: Daemon
/** 42 runs, confirmed; 41 ran before. */
let calm: Device

const plain = (root: string) => linesOfTree(host, root, { inodes: false })
const published = (version: number) => plain(join(publisher.module, String(version), 'root'))
const url = () => `rsync://127.0.0.1:${daemon.port}/xo`

test.before(async () => {
  publisher.publish(41, image41())
  publisher.publish(42, image42())
  daemon = await startDaemon('rsync', [{ name: 'xo', path: publisher.module }])
  calm = new Device({ sources: [url()], keys: publisher.keys.publicFile })
  await calm.succeed('install', ['--version', '41'])
  await calm.succeed('upgrade')
  await calm.succeed('swap')
  await calm.succeed('confirm', ['--force'])
})

test.after(async () => {
  await daemon.stop()
})

function copied(options: { sources?: string[]; previous?: boolean } = {}): Device {
  const { sources = [url()], previous = true } = options
  const store = join(scratch('device'), 'store')
  // Unlike cpSync, it keeps the hard links between the trees.
  execFileSync('cp', ['-a', calm.store, store])
  if (!previous) rmSync(join(store, 'previous-root'), { recursive: true })
  return new Device({ sources, keys: publisher.keys.publicFile, store })
}

/** Content of zeros, with the size and the time that it had. */
function zero(path: string): void {
  const { size, atime, mtime } = statSync(path)
  writeFileSync(path, Buffer.alloc(size))
  utimesSync(path, atime, mtime)
}

/** Bytes on the network, in all. */
function received(events: Event[]): number {
  return events.filter(({ event }) => event === 'progress').at(-1)?.received ?? 0
}

test('a version that is whole is left alone, and nothing is asked of the network', async () => {
  const device = copied({ sources: ['rsync://127.0.0.1:1/nobody'] })
  const before = digestOfTree(host, device.root())
  const result = await device.succeed('recover')
  assert.equal([result.outcome, result.version, result.damaged], ['whole', 42, 0])
  assert.is(digestOfTree(host, device.root()), before)
})

test('only what is damaged is fetched, against what is left of it', async () => {
  const device = copied()
  const big = join(device.root(), BIG)
  // A few blocks of one file are zeroed, another one is gone, a third has grown.
  const content = readFileSync(big)
  content.fill(0, 100_000, 140_000)
  const { atime, mtime } = statSync(big)
  writeFileSync(big, content)
  utimesSync(big, atime, mtime)
  unlinkSync(join(device.root(), SAME))
  writeFileSync(join(device.root(), 'etc/shadow'), 'root::0\n')
  writeFileSync(join(device.root(), 'etc/added'), 'by somebody')
  unlinkSync(join(device.root(), 'etc/dangling'))
  const before = digestOfTree(host, device.root())
  const { status, events, result } = await device.run('recover')
  assert.is(status, 0)
  assert.equal([result.outcome, result.version], ['mended', 42])
  // What is gone here is still in the previous tree.
  assert.is(result.fetchedFiles, 2)
  assert.ok(received(events) < 60_000, `${received(events)} bytes`)
  assert.equal(plain(device.root()), published(42))
  assert.is(digestOfTree(host, device.root('previous-root')), before, 'it was only read')
  assert.equal((await device.succeed('verify', ['--full'])).damage, [])
  const { running, trial, boots, confirmed, intent } = await device.succeed('status')
  assert.equal([running, trial, boots, confirmed], [42, undefined, 0, 42])
  assert.is(intent, undefined)
})

test('content that is damaged with its size and time in order is found and fetched', async () => {
  const device = copied()
  zero(join(device.root(), BIG))
  const { result } = await device.run('recover')
  assert.equal([result.outcome, result.fetchedFiles, result.damaged], ['mended', 1, 1])
  assert.equal(plain(device.root()), published(42))
})

test('what the tree before has whole comes from there, and needs no source', async () => {
  const device = copied({ sources: ['rsync://127.0.0.1:1/nobody'] })
  // Its own inode: what the trees share is damaged in both.
  unlinkSync(join(device.root(), SAME))
  writeFileSync(join(device.root(), SAME), 'another content')
  const result = await device.succeed('recover')
  assert.equal([result.outcome, result.version, result.fetchedFiles], ['mended', 42, 0])
  assert.equal(plain(device.root()), published(42))
})

test('an inode that is damaged in both trees is no help, and is not taken', async () => {
  const device = copied({ sources: ['rsync://127.0.0.1:1/nobody'] })
  zero(join(device.root(), SAME))
  const inode = (tree: string) => statSync(join(device.store, tree, 'root', SAME)).ino
  assert.is(inode('fakeroot'), inode('previous-root'), 'they share it')
  await device.fail('recover', 69, 'PeerError')
  device.options.sources.push(url())
  device.configure({})
  const result = await device.succeed('recover')
  assert.equal([result.outcome, result.fetchedFiles], ['mended', 1])
  assert.equal(plain(device.root()), published(42))
})

test('folders, links and files that took the place of one another need no content', async () => {
  const device = copied({ sources: ['rsync://127.0.0.1:1/nobody'] })
  const root = device.root()
  rmSync(join(root, 'etc/dangling'))
  mkdirSync(join(root, 'etc/dangling/deep'), { recursive: true })
  writeFileSync(join(root, 'etc/dangling/deep/file'), 'somebody put it there')
  chmodSync(join(root, 'etc'), 0o700)
  chmodSync(join(root, SAME), 0o666)
  assert.is((await device.succeed('recover')).outcome, 'mended')
  assert.equal(plain(device.root()), published(42))
})

test('the tree is gone, and the one before was edited: it is completed without any network', async () => {
  const device = copied({ sources: ['rsync://127.0.0.1:1/nobody'] })
  rmSync(join(device.store, 'fakeroot'), { recursive: true })
  writeFileSync(join(device.root('previous-root'), 'etc/added'), 'by somebody')
  chmodSync(join(device.root('previous-root'), SAME), 0o777)
  const result = await device.succeed('recover')
  assert.equal([result.outcome, result.version, result.fetchedFiles], ['replaced', 41, 0])
  assert.equal(plain(device.root()), published(41))
})

test('the tree is gone, and a newer one was staged to its end: it is taken from the disk', async () => {
  const device = copied({ sources: ['rsync://127.0.0.1:1/nobody'], previous: false })
  renameSync(join(device.store, 'fakeroot'), join(device.store, 'staging'))
  const result = await device.succeed('recover')
  assert.equal([result.outcome, result.version, result.fetchedFiles], ['replaced', 42, 0])
  assert.equal(plain(device.root()), published(42))
})

test('what was staged below the floor is not taken from the disk', async () => {
  const device = copied({ sources: ['rsync://127.0.0.1:1/nobody'] })
  rmSync(join(device.store, 'fakeroot'), { recursive: true })
  renameSync(join(device.store, 'previous-root'), join(device.store, 'staging'))
  await device.fail('recover', 69, 'PeerError')
  assert.not.ok(existsSync(join(device.store, 'fakeroot')))
})

test('what needs no content needs no source', async () => {
  const device = copied({ sources: ['rsync://127.0.0.1:1/nobody'] })
  unlinkSync(join(device.root(), 'etc/dangling'))
  writeFileSync(join(device.root(), 'etc/added'), 'by somebody')
  assert.is((await device.succeed('recover')).outcome, 'mended')
  assert.equal(plain(device.root()), published(42))
})

for (const [what, damage] of [
  ['its manifest is zeroed', (tree: string) => zero(join(tree, 'manifest'))],
  ['its manifest is gone', (tree: string) => rmSync(join(tree, 'manifest'))],
] as const) {
  test(`${what}: the same version is mended out of its files`, async () => {
    const device = copied()
    damage(join(device.store, 'fakeroot'))
    zero(join(device.root(), BIG))
    const { status, result } = await device.run('recover')
    assert.is(status, 0)
    assert.equal([result.outcome, result.version, result.fetchedFiles], ['mended', 42, 1])
    assert.equal(plain(device.root()), published(42))
  })
}

test('its release is gone and nothing else is there: the newest, out of its files', async () => {
  const device = copied({ previous: false })
  rmSync(join(device.store, 'fakeroot/release'))
  const { status, result } = await device.run('recover')
  assert.is(status, 0)
  assert.equal([result.outcome, result.version, result.fetchedFiles], ['replaced', 42, 0])
  assert.equal(plain(device.root()), published(42))
})

test('the tree is gone: the one before runs, without any network', async () => {
  const device = copied({ sources: [] })
  rmSync(join(device.store, 'fakeroot'), { recursive: true })
  const result = await device.succeed('recover')
  assert.equal([result.outcome, result.version], ['replaced', 41])
  assert.equal(plain(device.root()), published(41))
})

test('the tree is gone, and the one before is damaged: the newest, and not below the floor', async () => {
  const device = copied()
  rmSync(join(device.store, 'fakeroot'), { recursive: true })
  zero(join(device.root('previous-root'), BIG))
  const result = await device.succeed('recover')
  assert.equal([result.outcome, result.version], ['replaced', 42])
  assert.equal(plain(device.root()), published(42))
  assert.equal((await device.succeed('verify', ['--full'])).damage, [])
})

test('all is gone: the newest is installed, and an older one is refused', async () => {
  const stale = scratch('stale')
  execFileSync('cp', ['-a', join(publisher.module, '41'), stale])
  copyFileSync(join(publisher.module, '41/release'), join(stale, 'latest'))
  const device = copied({ sources: [`file://${stale}`], previous: false })
  rmSync(join(device.store, 'fakeroot'), { recursive: true })
  const error = await device.fail('recover', 65, 'TrustError')
  assert.match(error.message, /rollback: version 41 is older than version 42/)
  assert.not.ok(existsSync(join(device.store, 'fakeroot')))
  device.options.sources.push(url())
  device.configure({})
  const result = await device.succeed('recover')
  assert.equal([result.outcome, result.version], ['replaced', 42])
  assert.equal(plain(device.root()), published(42))
})

test('of a record that is damaged in one line the others go on: a lock does not end with it', async () => {
  const device = copied()
  const lines = ['floor=4\x002', 'bad=7 9', 'trusted-time=2030-01-01T00:00:00Z']
  lines.push('home-stolen=yes', 'home-version=x')
  writeFileSync(join(device.store, 'state'), `${lines.join('\n')}\n`)
  assert.is((await device.succeed('recover')).outcome, 'whole')
  const record = readFileSync(join(device.store, 'state'), 'utf8')
  assert.match(record, /^floor=42$/m)
  assert.match(record, /^bad=7 9$/m)
  assert.match(record, /^trusted-time=2030-01-01T00:00:00Z$/m)
  assert.match(record, /^home-stolen=yes$/m)
})

test('whatever else stands where the record belongs is a damaged record', async () => {
  const pipe = (path: string) => execFileSync('mkfifo', [path])
  for (const make of [mkdirSync, (path: string) => symlinkSync('/etc/passwd', path), pipe]) {
    const device = copied()
    rmSync(join(device.store, 'state'))
    make(join(device.store, 'state'))
    make(join(device.store, 'state.new'))
    assert.is((await device.succeed('recover')).outcome, 'whole')
    assert.is((await device.succeed('status')).floor, 42)
  }
})

test('a record that is garbage is begun again, with the floor that the trees give', async () => {
  const device = copied()
  writeFileSync(join(device.store, 'state'), Buffer.alloc(200))
  assert.is((await device.succeed('recover')).outcome, 'whole')
  assert.is((await device.succeed('status')).floor, 42)
})

test('without a source, damage is told and nothing is changed', async () => {
  const device = copied({ sources: ['rsync://127.0.0.1:1/nobody'] })
  zero(join(device.root(), BIG))
  const before = digestOfTree(host, device.root())
  await device.fail('recover', 69, 'PeerError')
  assert.is(digestOfTree(host, device.root()), before)
  assert.is((await device.succeed('status')).running, 42)
})

test('a source that lacks the version: the newest takes its place, on trial', async () => {
  const own = new Publisher()
  own.publish(7, startableImage(7))
  const device = new Device({ sources: [`file://${own.module}`], keys: own.keys.publicFile })
  await device.succeed('install')
  own.publish(8, startableImage(8))
  rmSync(join(own.module, '7'), { recursive: true })
  zero(join(device.root(), 'usr/bin/bash'))
  const { status, result } = await device.run('recover')
  assert.is(status, 0)
  assert.equal([result.outcome, result.version], ['replaced', 8])
  assert.equal(plain(device.root()), plain(join(own.module, '8/root')))
  assert.is((await device.succeed('status')).trial, 8)
})

test('a laptop without a system does not wait for a school server that lacks the release', async () => {
  const { store } = copied({ previous: false })
  rmSync(join(store, 'fakeroot'), { recursive: true })
  const sources = { 'school[]': `file://${scratch('still-mirroring')}`, 'upstream[]': url() }
  const keys = publisher.keys.publicFile
  const device = new Device({ sources: [], keys, store, configuration: { sources } })
  const result = await device.succeed('recover')
  assert.equal([result.outcome, result.version], ['replaced', 42])
})

test('a release that expired does not stop a rescue from a stick with a newer one', async () => {
  const own = new Publisher()
  own.publish(7, startableImage(7), { expires: '2027-12-31T00:00:00Z' })
  const device = new Device({ sources: [`file://${own.module}`], keys: own.keys.publicFile })
  await device.succeed('install')
  rmSync(join(device.store, 'fakeroot'), { recursive: true })
  writeFileSync(join(device.store, 'state'), 'floor=7\ntrusted-time=2030-01-01T00:00:00Z\n')
  const error = await device.fail('recover', 65, 'TrustError')
  assert.match(error.message, /freeze: version 7 expired at 2027-12-31T00:00:00Z/)
  // The server stays as it is; the stick, which comes after it, has the newer one.
  const server = scratch('server')
  execFileSync('cp', ['-a', `${own.module}/.`, server])
  own.publish(8, startableImage(8))
  device.options.sources.splice(0, 1, `file://${server}`, `file://${own.module}`)
  device.configure({})
  const result = await device.succeed('recover')
  assert.equal([result.outcome, result.version], ['replaced', 8])
})

test('an expired version that runs is mended all the same', async () => {
  const own = new Publisher()
  own.publish(7, startableImage(7), { expires: '2027-12-31T00:00:00Z' })
  const device = new Device({ sources: [`file://${own.module}`], keys: own.keys.publicFile })
  await device.succeed('install')
  writeFileSync(join(device.store, 'state'), 'floor=7\ntrusted-time=2030-01-01T00:00:00Z\n')
  zero(join(device.root(), 'usr/bin/bash'))
  assert.is((await device.succeed('recover')).outcome, 'mended')
})

test.run()
