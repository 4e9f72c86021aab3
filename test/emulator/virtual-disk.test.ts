/**
 * What a virtual disk has besides the contract of native:files: space, handles, snapshots, images.
 */

import * as assert from 'uvu/assert'
import { copyTree, fillFromEntries } from '../../runtime/emulator/disk/copy.ts'
import { loadDisk, saveDisk } from '../../runtime/emulator/disk/image-file.ts'
import { VirtualClock } from '../../runtime/emulator/virtual-clock.ts'
import { VirtualDisk } from '../../runtime/emulator/virtual-disk.ts'
import { virtualFiles } from '../../runtime/emulator/virtual-files.ts'
import type { Files } from '../../src/host.ts'
import { parseManifestLine } from '../../src/release/manifest-line.ts'
import { fails } from '../contract/kit.ts'
import { nodeHost } from '../support/host.ts'
import { image41 } from '../support/image.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { linesOfTree, makeTree } from '../support/tree.ts'

const hostOf = (disk: VirtualDisk) => nodeHost(virtualFiles(disk))

function put(files: Files, root: number, path: string, content: Uint8Array): void {
  const fd = files.createFile(root, path, 0o644)
  try {
    files.write(fd, content, 0, content.length)
  } finally {
    files.close(fd)
  }
}

test('a tree of the machine goes onto the disk, through an image file and back unchanged', () => {
  const host = nodeHost()
  const real = `${scratch('disk')}/image`
  makeTree(host, real, image41())
  const disk = new VirtualDisk()
  const files = virtualFiles(disk)
  copyTree(
    { files: host.files, root: host.files.openRoot(real) },
    { files, root: files.openRoot('/') },
  )
  const expected = linesOfTree(host, real, { inodes: false })
  assert.equal(linesOfTree(hostOf(disk), '/', { inodes: false }), expected)

  const loaded = loadDisk(saveDisk(disk))
  assert.equal(linesOfTree(hostOf(loaded), '/', { inodes: false }), expected)
  assert.equal(loaded.space(), disk.space())
  assert.throws(() => loadDisk(new Uint8Array(30)), /not a virtual disk/)

  const back = `${scratch('disk')}`
  const over = virtualFiles(loaded)
  copyTree(
    { files: over, root: over.openRoot('/') },
    { files: host.files, root: host.files.openRoot(back) },
  )
  assert.equal(linesOfTree(host, back, { inodes: false }), expected)
})

test('a manifest fills a disk', () => {
  const disk = new VirtualDisk()
  const files = virtualFiles(disk)
  const root = files.openRoot('/')
  const digest = 'a'.repeat(64)
  const lines = [
    '. type=dir mode=0755 uid=0 gid=0 time=5.000000000',
    `./f type=file mode=0640 uid=1 gid=2 size=5 time=7.000000000 sha256digest=${digest} nlink=2`,
    `./g type=file mode=0640 uid=1 gid=2 size=5 time=7.000000000 sha256digest=${digest} nlink=2 ` +
      'tags=hardlink:./f',
    './l type=link mode=0777 uid=0 gid=0 time=1.000000000 link=f',
    './n type=char mode=0666 uid=0 gid=0 time=2.000000000 device=native,1,3',
  ]
  fillFromEntries({ files, root }, lines.map(parseManifestLine), ({ size }) => new Uint8Array(size))
  assert.equal(files.readDirectory(root, '.'), ['f', 'g', 'l', 'n'])
  assert.is(files.stat(root, 'f')?.links, 2)
  assert.is(files.stat(root, 'f')?.size, 5)
  assert.is(files.stat(root, 'n')?.minor, 3)
  assert.is(files.statHandle(root).modified.seconds, 5)
})

test('a snapshot and its disk go apart', () => {
  const disk = new VirtualDisk()
  const files = virtualFiles(disk)
  const root = files.openRoot('/')
  put(files, root, 'a', new Uint8Array([1, 2, 3]))
  const log = files.openAppend(root, 'a', 0o600)
  const snapshot = disk.snapshot()
  files.write(log, new Uint8Array([4]), 0, 1)
  files.removeFile(root, 'a')
  files.makeDirectory(root, 'd', 0o755)
  const other = virtualFiles(snapshot)
  const otherRoot = other.openRoot('/')
  assert.equal(other.readDirectory(otherRoot, '.'), ['a'])
  assert.is(other.stat(otherRoot, 'a')?.size, 3)
  other.makeLink('x', otherRoot, 'link')
  assert.equal(files.readDirectory(root, '.'), ['d'])
  fails('EBADF', () => other.statHandle(log))
})

test('a handle outlives the name, and the space comes back with it', () => {
  const disk = new VirtualDisk({ bytes: 8 * 4096 })
  const files = virtualFiles(disk)
  const root = files.openRoot('/')
  const fd = files.createFile(root, 'a', 0o600)
  files.write(fd, new Uint8Array(5000), 0, 5000)
  files.makeDirectory(root, 'd', 0o755)
  files.rename(root, 'a', root, 'd/b')
  const directory = files.openDirectory(root, 'd')
  files.rename(root, 'd', root, 'e')
  assert.equal(files.readDirectory(directory, '.'), ['b'])
  files.removeFile(directory, 'b')
  assert.is(files.statHandle(fd).links, 0)
  assert.is(files.read(fd, new Uint8Array(6000), 0, 6000, 0), 5000)
  assert.is(disk.space().bytes, 6 * 4096)
  files.close(fd)
  assert.is(disk.space().bytes, 8 * 4096)
  fails('EINVAL', () => files.rename(root, 'e', directory, 'below-itself'))
})

test('a full disk is ENOSPC, of bytes and of inodes', () => {
  const disk = new VirtualDisk({ bytes: 2 * 4096, inodes: 4 })
  const files = virtualFiles(disk)
  const root = files.openRoot('/')
  fails('ENOSPC', () => put(files, root, 'big', new Uint8Array(3 * 4096)))
  assert.is(files.stat(root, 'big')?.size, 2 * 4096)
  files.removeFile(root, 'big')
  put(files, root, 'a', new Uint8Array(4097))
  fails('ENOSPC', () => files.copyFile(root, 'a', root, 'b'))
  assert.is(files.stat(root, 'b'), undefined)
  files.makeLink('x', root, 'l')
  files.makeDirectory(root, 'd', 0o755)
  fails('ENOSPC', () => files.makeDirectory(root, 'e', 0o755), 'e')
  assert.is(files.space(root).inodes, 0)
})

test('a disk without exchange says so, and handles run out', () => {
  const files = virtualFiles(new VirtualDisk({ exchange: false }), { handlesMax: 6 })
  const root = files.openRoot('/')
  files.makeDirectory(root, 'a', 0o755)
  files.makeDirectory(root, 'b', 0o755)
  fails('EINVAL', () => files.exchange(root, 'a', root, 'b'))
  files.openDirectory(root, 'a')
  files.openDirectory(root, 'a')
  fails('EMFILE', () => files.openDirectory(root, 'a'), 'a')
  fails('EMFILE', () => files.createFile(root, 'c', 0o600), 'c')
  assert.is(files.stat(root, 'c'), undefined)
})

test('a saved disk knows when it was last changed, and a clock goes on from there', () => {
  const disk = new VirtualDisk({ now: () => ({ seconds: 1_800_000_000, nanoseconds: 0 }) })
  const files = virtualFiles(disk)
  files.makeDirectory(files.openRoot('/'), 'd', 0o755)
  const old = { seconds: 5, nanoseconds: 0 }
  const metadata = { mode: 0o755, uid: 0, gid: 0, modified: old, xattrs: [] }
  files.setMetadata(files.openRoot('/'), 'd', metadata)
  const { changedSeconds } = loadDisk(saveDisk(disk))
  assert.is(changedSeconds, 1_800_000_000)
  const clock = new VirtualClock()
  clock.goOnFrom(changedSeconds)
  assert.is(clock.asHost.wallSeconds(), 1_800_000_000)
  clock.goOnFrom(5)
  assert.is(clock.asHost.wallSeconds(), 1_800_000_000)
})

test.run()
