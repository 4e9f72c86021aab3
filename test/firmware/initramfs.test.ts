/**
 * The initramfs as `npm run firmware` makes it: identical each time, small, owned by root, and with what
 * was asked for and nothing else. Stock cpio and bsdtar read it, as the kernel does.
 */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { rejects } from '../support/rejects.ts'
import { scratch } from '../support/scratch.ts'
import { mustRun } from '../support/stock-tool.ts'
import { test } from '../support/suite.ts'

const SIZE_MAX_BYTES = 2_500_000
const tool = (name: string) => new URL(`../../../../tools/${name}.mjs`, import.meta.url).href
const { makeInitramfs } = await import(tool('firmware'))
const { findModules } = await import(tool('kernel-modules'))

/** A folder of public keys in which a secret one was forgotten, as on a publisher's desk. */
function keysFolder(): string {
  const folder = scratch('keys')
  writeFileSync(join(folder, 'release.pub'), 'untrusted comment: a key\nRWQ=\n')
  writeFileSync(join(folder, 'release.sec'), 'a secret')
  return folder
}

/** Modules by name, each with what its `.modinfo` says; compressed if the name says so. */
function modulesFolder(modules: Record<string, string[]>): string {
  const folder = scratch('modules')
  mkdirSync(join(folder, 'kernel'))
  for (const [name, words] of Object.entries(modules)) {
    const path = join(folder, 'kernel', name.replace(/\.(xz|zst|gz)$/, ''))
    writeFileSync(path, `\x7fELF\0${words.map((word) => `${word}\0`).join('')}`)
    if (name.endsWith('.xz')) mustRun('xz', [path])
    if (name.endsWith('.zst')) mustRun('zstd', ['-q', '--rm', path])
    if (name.endsWith('.gz')) mustRun('gzip', [path])
  }
  return folder
}

const first = await makeInitramfs({ to: scratch('firmware'), keys: keysFolder() })
const listing = mustRun('bsdtar', ['-tvf', first.zst])

test('two builds are the same to the byte, and both forms hold the same', async () => {
  const second = await makeInitramfs({ to: scratch('firmware'), keys: keysFolder() })
  for (const form of ['zst', 'gz']) {
    assert.ok(readFileSync(first[form]).equals(readFileSync(second[form])), form)
  }
  assert.is(listing, mustRun('bsdtar', ['-tvf', first.gz]))
})

test('it is small enough for the flash of a laptop', () => {
  for (const form of ['zst', 'gz']) {
    const { size } = statSync(first[form])
    assert.ok(size <= SIZE_MAX_BYTES, `${form}: ${size} bytes`)
  }
})

test('all of it is root`s, without a time, and the console is there before anybody mounts /dev', () => {
  const folder = scratch('unpacked')
  const plain = join(folder, 'plain')
  writeFileSync(plain, mustRun('zstd', ['-dcq', first.zst]), 'latin1')
  const shown = mustRun('cpio', ['-tv', '--numeric-uid-gid', '--quiet', '-F', plain])
  const lines = shown.trim().split('\n')
  assert.ok(lines.length > 100)
  for (const line of lines) assert.match(line, /^\S+ +1 0 +0 .* Jan +1 +1970 /)
  assert.match(shown, /^crw------- .* 5, +1 .* dev\/console$/m)
  assert.match(shown, /^-rwxr-xr-x .* init$/m)
  assert.match(shown, /^lrwxrwxrwx .* bin\/sh -> busybox$/m)
})

test('public keys go in, secret ones that lie beside them do not', async () => {
  assert.match(listing, /etc\/xo-upgrade\/keys\/release\.pub$/m)
  assert.not.match(listing, /\.sec/)
  await rejects(makeInitramfs({ to: scratch(), keys: scratch() }), /holds no public key/)
})

test('what is not wanted stays out, and what is added comes in', async () => {
  const added = scratch('added')
  mkdirSync(join(added, 'lib/firmware'), { recursive: true })
  writeFileSync(join(added, 'lib/firmware/radio.bin'), 'firmware')
  const options = { 'no-busybox': true, 'no-dbclient': true, add: [added], to: scratch('firmware') }
  const { gz } = await makeInitramfs(options)
  const shown = mustRun('bsdtar', ['-tf', gz])
  assert.match(shown, /^lib\/firmware\/radio\.bin$/m)
  assert.not.match(shown, /busybox|dbclient|xo-modules/)
})

test('modules stand in the order of loading, unpacked, with what they need and nothing else', () => {
  const folder = modulesFolder({
    'ext4.ko.xz': ['depends=jbd2,mbcache', 'softdep=pre: crypto-crc32c', 'name=ext4'],
    'jbd2.ko.zst': ['depends=', 'softdep=post: never'],
    'mbcache.ko.gz': ['depends='],
    'crc32c_generic.ko': ['depends='],
    'never.ko': ['depends='],
    'virtio-blk.ko': ['depends=virtio'],
    'other.ko': ['depends='],
  })
  writeFileSync(join(folder, 'modules.builtin'), 'kernel/virtio.ko\n')
  const found = findModules(folder, ['virtio_blk', 'ext4', 'virtio'])
  const names = found.map(({ name }: { name: string }) => name)
  assert.equal(names, ['virtio_blk', 'crc32c_generic', 'jbd2', 'mbcache', 'ext4'])
  for (const { content } of found) assert.is(content.toString('latin1', 0, 4), '\x7fELF')
})

test('a module that the kernel does not have is an error that names it', () => {
  const folder = modulesFolder({ 'a.ko': ['depends=b'] })
  assert.throws(() => findModules(folder, ['a']), /has no kernel module "b"/)
  assert.throws(() => findModules(folder, ['nfs']), /has no kernel module "nfs"/)
  assert.throws(() => findModules(scratch(), ['a']), /holds no kernel modules/)
})

test.run()
