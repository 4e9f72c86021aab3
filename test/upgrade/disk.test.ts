/**
 * Disks that are full, that fill up half way, or that can't be written; and users who may not.
 * Needs root, for small file systems of its own.
 */
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Device, run } from '../support/device.ts'
import { nodeHost } from '../support/host.ts'
import { image41, image42, smallImage } from '../support/image.ts'
import { mountOver, mountTmpfs, remount } from '../support/mounts.ts'
import { PROGRAM } from '../support/program.ts'
import { startProxy } from '../support/proxy.ts'
import { Publisher } from '../support/release.ts'
import { type Daemon, startDaemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { digestOfTree, linesOfTree } from '../support/tree.ts'

const host = nodeHost()
const publisher = new Publisher()
let daemon: Daemon

const MB = 1_000_000

test.before(async () => {
  publisher.publish(41, image41())
  publisher.publish(42, image42())
  daemon = await startDaemon('rsync', [{ name: 'xo', path: publisher.module }])
})

test.after(async () => {
  await daemon.stop()
})

const url = (port = daemon.port) => `rsync://127.0.0.1:${port}/xo`

async function deviceOn(disk: string, version: number): Promise<Device> {
  const device = new Device({
    sources: [url()],
    keys: publisher.keys.publicFile,
    store: join(disk, 'xo'),
  })
  await device.succeed('install', ['--version', String(version)])
  return device
}

const free = (disk: string) => {
  const fd = host.files.openRoot(disk)
  const { bytes } = host.files.space(fd)
  host.files.close(fd)
  return bytes
}

/** Fills the disk until only so much is free. */
function fill(disk: string, leaveBytes: number): void {
  writeFileSync(join(disk, 'filler'), Buffer.alloc(Math.max(0, free(disk) - leaveBytes)))
}

const plain = (root: string) => linesOfTree(host, root, { inodes: false })
const published = (version: number) => plain(join(publisher.module, String(version), 'root'))

test('a disk that is too full before it begins: what is missing is said in MB, and nothing is written', async () => {
  const disk = mountTmpfs(16 * MB)
  const device = await deviceOn(disk, 41)
  fill(disk, 1 * MB)
  const before = digestOfTree(host, device.root())
  const error = await device.fail('upgrade', 73, 'SpaceError')
  const missing = Number(/: ([\d.]+) MB are missing/.exec(error.message)?.[1])
  assert.ok(missing > 0.5 && missing < 4, error.message)
  assert.match(error.cure, /none of its files was fetched/)
  assert.is(digestOfTree(host, device.root()), before)
  assert.not.ok(existsSync(join(device.store, 'upgraded-root')))
  // What it said is missing is enough.
  rmSync(join(disk, 'filler'))
  fill(disk, 1 * MB + (missing + 0.1) * MB)
  await device.succeed('upgrade')
  assert.equal(plain(device.root('upgraded-root')), published(42))
})

test('a disk that tells no size has room for whatever it takes', async () => {
  const disk = scratch('ramfs')
  mountOver(disk, ['-t', 'ramfs', 'ramfs'])
  const plainly = new Publisher()
  for (const version of [1, 2]) plainly.publish(version, smallImage(version))
  const device = new Device({
    sources: [`file://${plainly.module}`],
    keys: plainly.keys.publicFile,
    store: join(disk, 'xo'),
  })
  await device.succeed('install', ['--version', '1'])
  await device.succeed('upgrade')
  await device.succeed('swap')
  assert.equal(plain(device.root()), plain(join(plainly.module, '2/root')))
})

test('what is to stay free is kept free', async () => {
  const disk = mountTmpfs(16 * MB)
  const device = await deviceOn(disk, 41)
  device.configure({ store: { 'keep-free-mb': '16' } })
  await device.fail('upgrade', 73, 'SpaceError')
  device.configure({ store: { 'keep-free-mb': '4' } })
  await device.succeed('upgrade')
  assert.ok(free(disk) > 4 * MB)
})

test('not even the manifest fits: that is said, too', async () => {
  const disk = mountTmpfs(16 * MB)
  const device = await deviceOn(disk, 41)
  fill(disk, 8_192)
  const error = await device.fail('upgrade', 73, 'SpaceError')
  assert.match(error.message, /MB/)
  rmSync(join(disk, 'filler'))
  await device.succeed('upgrade')
})

test('an install into a disk that is too small', async () => {
  const disk = mountTmpfs(1 * MB)
  const store = join(disk, 'xo')
  const device = new Device({ sources: [url()], keys: publisher.keys.publicFile, store })
  const error = await device.fail('install', 73, 'SpaceError')
  assert.match(error.message, /MB are missing/)
  assert.not.ok(existsSync(join(store, 'fakeroot')))
})

test('a disk that fills up half way: staging is dropped, what is missing is said, and it is enough', async () => {
  const disk = mountTmpfs(16 * MB)
  const device = await deviceOn(disk, 41)
  const slow = await startProxy(daemon.port, { bytesPerSecond: 400_000 })
  try {
    device.options.sources.splice(0, 1, url(slow.port))
    device.configure({})
    const before = digestOfTree(host, device.root())
    const running = device.fail('upgrade', 73, 'SpaceError')
    // Somebody else takes the space after the plan was found to fit.
    const partial = join(device.store, 'staging', 'partial')
    const filled = setInterval(() => {
      if (!existsSync(partial)) return
      clearInterval(filled)
      setTimeout(() => fill(disk, 300_000), 300)
    }, 5)
    const error = await running
    clearInterval(filled)
    assert.match(error.message, /filled up: about [\d.]+ MB more are needed/)
    assert.not.ok(existsSync(join(device.store, 'staging')))
    assert.not.ok(existsSync(join(device.store, 'upgraded-root')))
    assert.is(digestOfTree(host, device.root()), before)
    const { last, running: version } = await device.succeed('status')
    assert.is(last.outcome, 'SpaceError')
    assert.is(version, 41)
    const missing = Number(/about ([\d.]+) MB/.exec(error.message)?.[1])
    assert.ok(missing > 0.1 && missing < 3, error.message)
  } finally {
    slow.close()
  }
  rmSync(join(disk, 'filler'))
  device.options.sources.splice(0, 1, url())
  device.configure({})
  await device.succeed('upgrade')
  assert.equal(plain(device.root('upgraded-root')), published(42))
})

test('a store on a read-only file system: 74, but it is proved all the same, and the tree runs on', async () => {
  const disk = mountTmpfs(16 * MB)
  const device = await deviceOn(disk, 41)
  await device.succeed('upgrade')
  remount(disk, 'ro')
  for (const command of ['upgrade', 'swap', 'roll-back']) {
    const error = await device.fail(command, 74, 'SystemError')
    assert.match(error.message, /EROFS/)
  }
  assert.equal((await device.succeed('verify', ['--full'])).damage, [])
  assert.is((await device.succeed('status')).running, 41)
  remount(disk, 'rw')
  await device.succeed('swap')
  assert.equal(plain(device.root()), published(42))
})

test('an install below a read-only file system: 74', async () => {
  const disk = mountTmpfs(16 * MB)
  remount(disk, 'ro')
  const store = join(disk, 'xo')
  const device = new Device({ sources: [url()], keys: publisher.keys.publicFile, store })
  assert.match((await device.fail('install', 74, 'SystemError')).message, /EROFS/)
})

test('who is not root is told so before anything is touched; keygen needs no root', async () => {
  const nobody = 65_534
  const place = scratch('place')
  chmodSync(place, 0o755)
  const program = join(place, 'xo-upgrade')
  copyFileSync(PROGRAM, program)
  chmodSync(program, 0o755)
  const options = { uid: nobody, program, directory: place }
  const commands = ['upgrade', 'install', 'swap', 'roll-back', 'verify', 'status']
  const publish = [
    'publish',
    '--any-tree',
    '--image',
    '/',
    '--version',
    '1',
    '--to',
    place,
    '--key',
    '/key',
  ]
  for (const words of [...commands.map((command) => [command]), publish]) {
    const { status, error, stderr } = await run([...words, '--json'], options)
    assert.is(status, 64, stderr)
    assert.is(error.class, 'ConfigError')
    assert.match(error.message, /needs root/)
  }
  const mine = join(place, 'mine')
  mkdirSync(mine)
  chmodSync(mine, 0o777)
  const keygen = await run(['keygen', '--to', join(mine, 'keys'), '--json'], options)
  assert.is(keygen.status, 0, keygen.stdout)
  assert.ok(existsSync(join(mine, 'keys', 'release.sec')))
})

test.run()
