/**
 * Real disks that have lost blocks: an ext4 whose inodes and folders are noise, a btrfs whose content no longer
 * has its checksum. What is damaged is told, mended or put aside, and the next upgrade goes on. Needs
 * root, for loop devices.
 */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Device } from '../support/device.ts'
import { nodeHost } from '../support/host.ts'
import { mountImage, withImage } from '../support/mounts.ts'
import { Publisher } from '../support/release.ts'
import { type Daemon, startDaemon } from '../support/rsync-daemon.ts'
import { test } from '../support/suite.ts'
import { file, folder, linesOfTree, noise, type Tree } from '../support/tree.ts'

const MB = 1024 * 1024
/** Of the ext4, so that each folder has a block that is found (bytes). */
const BLOCK = 1024
const host = nodeHost()
const publisher = new Publisher()
let daemon: Daemon

/** `usr/lib` is the same in all versions, `usr/bin/tool` in none. */
function image(version: number): Tree {
  return new Map([
    ['.', folder()],
    ['etc', folder()],
    ['etc/release', file(`${version}\n`)],
    ['usr', folder()],
    ['usr/bin', folder()],
    ['usr/bin/tool', file(noise(20_000, version))],
    ['usr/lib', folder()],
    ['usr/lib/large', file(noise(14_000, 77))],
    ['usr/lib/small', file('small')],
  ])
}

test.before(async () => {
  for (const version of [1, 2, 3]) publisher.publish(version, image(version))
  daemon = await startDaemon('rsync', [{ name: 'xo', path: publisher.module }])
})
test.after(() => daemon.stop())

const plain = (root: string) => linesOfTree(host, root, { inodes: false })
const published = (version: number) => plain(join(publisher.module, String(version), 'root'))

async function installedOn(disk: string): Promise<Device> {
  const device = new Device({
    sources: [`rsync://127.0.0.1:${daemon.port}/xo`],
    keys: publisher.keys.publicFile,
    store: join(disk, 'xo'),
  })
  await device.succeed('install', ['--version', '1'])
  return device
}

async function goesOn(device: Device, version: number): Promise<void> {
  await device.succeed('upgrade', ['--version', String(version)])
  assert.equal(plain(device.root('upgraded-root')), published(version))
  await device.succeed('swap')
  await device.succeed('confirm', ['--force'])
  assert.equal(plain(device.root()), published(version))
}

function debugfs(image: string, command: string, ...words: string[]): string {
  const { status, stdout, stderr, error } = spawnSync('debugfs', [...words, '-R', command, image], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`debugfs ${command}: ${error ?? stderr}`)
  return stdout
}

/** The file system no longer knows what it is. */
function ruinInode(image: string, path: string): void {
  debugfs(image, `set_inode_field ${path} mode 0155555`, '-w')
}

function ruinFolder(image: string, path: string): void {
  const block = Number(/\d+/.exec(debugfs(image, `blocks ${path}`))?.[0])
  const fd = openSync(image, 'r+')
  writeSync(fd, randomBytes(BLOCK), 0, BLOCK, block * BLOCK)
  closeSync(fd)
}

/** One bit of the content, wherever the disk has it. */
function ruinContent(image: string, content: Buffer): void {
  const bytes = readFileSync(image)
  const sample = content.subarray(0, 3000)
  let count = 0
  for (let at = bytes.indexOf(sample); at >= 0; at = bytes.indexOf(sample, at + 1), count++) {
    bytes[at + 100] = (bytes[at + 100] as number) ^ 1
  }
  assert.ok(count > 0, 'the disk has the content')
  writeFileSync(image, bytes)
}

/** With checksums the kernel says EBADMSG, without them EUCLEAN. */
const EXT4: [string, string[]][] = [
  ['an ext4 whose inodes have checksums', ['-O', 'metadata_csum']],
  ['an ext4 whose inodes have none', ['-O', '^metadata_csum']],
]
const ext4 = (words: string[]) =>
  mountImage(64 * MB, 'mkfs.ext4', '-q', '-F', '-b', String(BLOCK), ...words)

for (const [what, words] of EXT4) {
  test(`${what}: a file and a folder of the running tree are told, fetched and mended`, async () => {
    const disk = ext4(words)
    const device = await installedOn(disk)
    withImage(disk, (image) => {
      ruinInode(image, 'xo/fakeroot/root/usr/bin/tool')
      ruinFolder(image, 'xo/fakeroot/root/usr/lib')
    })
    for (const how of [[], ['--full']]) {
      const { status, stdout } = await device.run('verify', how)
      assert.is(status, 1, stdout)
      for (const path of ['usr/bin/tool', 'usr/lib/large']) assert.match(stdout, path)
    }
    // An upgrade takes what it can from there, and fetches the rest.
    await device.succeed('upgrade', ['--version', '2'])
    assert.equal(plain(device.root('upgraded-root')), published(2))
    await device.succeed('recover')
    assert.equal(plain(device.root()), published(1))
    await goesOn(device, 2)
    await goesOn(device, 3)
  })

  test(`${what}: the tree before is put aside, and the upgrade goes on`, async () => {
    for (const path of ['root/usr/lib', 'root/usr/lib/large', 'root', 'manifest', 'release']) {
      const disk = ext4(words)
      const device = await installedOn(disk)
      await goesOn(device, 2)
      withImage(disk, (image) => ruinInode(image, `xo/previous-root/${path}`))
      await goesOn(device, 3)
      const aside = readdirSync(device.store).filter((name) => name.startsWith('put-aside'))
      assert.equal((await device.succeed('status')).putAside ?? [], aside, path)
    }
  })
}

test('a folder of the tree before whose names are noise is put aside', async () => {
  const disk = ext4([])
  const device = await installedOn(disk)
  await goesOn(device, 2)
  withImage(disk, (image) => ruinFolder(image, 'xo/previous-root/root/usr/lib'))
  await goesOn(device, 3)
})

/** Small files have blocks of their own there. */
const OWN_BLOCKS = ['max_inline=0']

async function onBtrfs(): Promise<{ disk: string; device: Device }> {
  const disk = mountImage(128 * MB, 'mkfs.btrfs', '-q', '-f', '-d', 'single', '-m', 'single')
  withImage(disk, () => {}, OWN_BLOCKS)
  return { disk, device: await installedOn(disk) }
}

test('EIO in content of the running tree: told, fetched without it as a basis, and mended', async () => {
  const { disk, device } = await onBtrfs()
  const tool = readFileSync(join(device.root(), 'usr/bin/tool'))
  const large = readFileSync(join(device.root(), 'usr/lib/large'))
  withImage(
    disk,
    (image) => [tool, large].map((content) => ruinContent(image, content)),
    OWN_BLOCKS,
  )
  assert.throws(() => readFileSync(join(device.root(), 'usr/bin/tool')), /EIO/)
  const { status, stdout } = await device.run('verify', ['--full'])
  assert.is(status, 1, stdout)
  // It is another one in the next version, and so a basis.
  await device.succeed('upgrade', ['--version', '2', '--no-packs'])
  await device.succeed('recover')
  assert.equal(plain(device.root()), published(1))
  assert.is((await device.succeed('verify', ['--full'])).damage.length, 0)
  await goesOn(device, 2)
})

test('EIO in what the store keeps of itself', async () => {
  for (const name of ['state', 'keys', 'fakeroot/manifest', 'previous-root/release']) {
    const { disk, device } = await onBtrfs()
    await goesOn(device, 2)
    const path = join(device.store, name)
    if (name === 'keys') writeFileSync(path, noise(3_000, 5))
    const content = readFileSync(path)
    withImage(disk, (image) => ruinContent(image, content), OWN_BLOCKS)
    assert.throws(() => readFileSync(path), /EIO/)
    await device.succeed('recover')
    assert.equal(plain(device.root()), published(2), name)
    await goesOn(device, 3)
  }
})

test.run()
