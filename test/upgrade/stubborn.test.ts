/**
 * Disks and trees that resist: immutable files and folders, mounts and a subvolume in or over another tree,
 * and an ext4 that keeps whole seconds up to 2038. Each upgrade goes on, and what can be removed is gone.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Device } from '../support/device.ts'
import { smallImage } from '../support/image.ts'
import { mountImage, mountOver } from '../support/mounts.ts'
import { Publisher } from '../support/release.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

const MB = 1024 * 1024
const publisher = new Publisher()
test.before(() => {
  for (const version of [1, 2, 3]) publisher.publish(version, smallImage(version))
})

function must(program: string, ...words: string[]): void {
  const { status, stderr } = spawnSync(program, words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${words.join(' ')}: ${stderr}`)
}

/** 2 runs, confirmed; `before` came to the tree that is previous-root now. */
async function calm(disk: string, before: (root: string) => void): Promise<Device> {
  const device = new Device({
    sources: [`file://${publisher.module}`],
    keys: publisher.keys.publicFile,
    store: join(disk, 'xo'),
  })
  await device.succeed('install', ['--version', '1'])
  before(device.root())
  await device.succeed('upgrade', ['--version', '2'])
  await device.succeed('swap')
  await device.succeed('confirm', ['--force'])
  return device
}

const leftovers = (device: Device) =>
  readdirSync(device.store).filter((name) => name.startsWith('put-aside'))

test('an immutable file and an immutable folder of the tree before are removed', async () => {
  const disk = mountImage(64 * MB, 'mkfs.ext4', '-q', '-F')
  const device = await calm(disk, (root) => {
    writeFileSync(join(root, 'etc', 'release'), 'mine')
    must('chattr', '+i', join(root, 'etc', 'release'), join(root, 'etc'))
  })
  await device.succeed('upgrade', ['--version', '3'])
  assert.is((await device.succeed('verify', ['--tree', 'upgraded-root'])).damage.length, 0)
  const flags = spawnSync('lsattr', ['-R', device.store], { encoding: 'utf8' }).stdout
  assert.not.match(flags, /^-*i/m)
})

test('a tree with a mount in it is put aside and told, and goes once it is unmounted', async () => {
  const disk = mountImage(64 * MB, 'mkfs.ext4', '-q', '-F')
  const other = mountImage(16 * MB, 'mkfs.ext4', '-q', '-F')
  writeFileSync(join(other, 'precious'), 'precious')
  const device = await calm(disk, () => {})
  const place = join(device.store, 'previous-root', 'root', 'mnt')
  mkdirSync(place)
  must('mount', '--bind', other, place)
  await device.succeed('upgrade', ['--version', '3'])
  const [aside, ...more] = leftovers(device)
  assert.is(more.length, 0)
  assert.equal((await device.succeed('status')).putAside, [aside])
  assert.ok(existsSync(join(other, 'precious')))
  must('umount', join(device.store, aside as string, 'root', 'mnt'))
  await device.succeed('upgrade', ['--version', '3'])
  assert.equal(leftovers(device), [])
})

for (const [what, name, words] of [
  ['the tree before, read-only', 'previous-root', ['--bind', '-o', 'ro']],
  ['staging', 'staging', ['-t', 'tmpfs', 'tmpfs']],
  ['the place of what waits', 'upgraded-root', ['-t', 'tmpfs', 'tmpfs']],
] as const) {
  test(`something is mounted over ${what}: it is unmounted, and loses nothing`, async () => {
    const disk = mountImage(64 * MB, 'mkfs.ext4', '-q', '-F')
    const device = await calm(disk, () => {})
    const path = join(device.store, name)
    mkdirSync(path, { recursive: true })
    const other = scratch('other')
    writeFileSync(join(other, 'precious'), 'precious')
    mountOver(path, [...words, ...(words[0] === '--bind' ? [other] : [])])
    await device.succeed('upgrade', ['--version', '3'])
    await device.succeed('swap')
    await device.succeed('confirm', ['--force'])
    assert.equal(leftovers(device), [])
    assert.ok(existsSync(join(other, 'precious')))
  })
}

test('something is mounted over the tree before between upgrade and swap', async () => {
  const disk = mountImage(64 * MB, 'mkfs.ext4', '-q', '-F')
  const device = await calm(disk, () => {})
  await device.succeed('upgrade', ['--version', '3'])
  const path = join(device.store, 'previous-root')
  mkdirSync(path, { recursive: true })
  mountOver(path, ['-t', 'tmpfs', '-o', 'ro', 'tmpfs'])
  await device.succeed('swap')
  await device.succeed('roll-back')
  assert.is((await device.succeed('status')).running, 2)
})

test('a read-only btrfs subvolume with another in it is removed', async () => {
  const disk = mountImage(256 * MB, 'mkfs.btrfs', '-q', '-f')
  const device = await calm(disk, (root) => {
    const volume = join(root, 'volume')
    must('btrfs', '-q', 'subvolume', 'create', volume)
    must('btrfs', '-q', 'subvolume', 'create', join(volume, 'inner'))
    writeFileSync(join(volume, 'inner', 'file'), 'x')
    must('btrfs', '-q', 'property', 'set', volume, 'ro', 'true')
  })
  await device.succeed('upgrade', ['--version', '3'])
  assert.equal(leftovers(device), [])
  assert.not.ok(existsSync(join(device.root('upgraded-root'), 'volume')))
})

test('a tree before whose root is a subvolume of its own is no obstacle', async () => {
  const disk = mountImage(256 * MB, 'mkfs.btrfs', '-q', '-f')
  const device = await calm(disk, (root) => {
    const volume = join(root, '../volume')
    must('btrfs', '-q', 'subvolume', 'create', volume)
    must('cp', '-a', `${root}/.`, volume)
    must('rm', '-r', root)
    must('mv', volume, root)
  })
  await device.succeed('upgrade', ['--version', '3'])
  assert.equal(leftovers(device), [])
})

test('an ext4 with small inodes holds a release as far as it goes', async () => {
  const disk = mountImage(64 * MB, 'mkfs.ext4', '-q', '-F', '-I', '128')
  const device = await calm(disk, () => {})
  assert.is((await device.succeed('verify', ['--full'])).damage.length, 0)
  assert.is((await device.succeed('upgrade', ['--version', '3'])).version, 3)
})

test.run()
