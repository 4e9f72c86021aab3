/** What native:files promises of entries: stat, links, nodes, metadata, renames, removals. */

import * as assert from 'uvu/assert'
import type { Fd } from '../../src/host.ts'
import { arrayOfBytes } from '../../src/text.ts'
import { suite } from '../support/suite.ts'
import { fails, type Kit } from './kit.ts'

export function entriesContract(name: string, kit: Kit): void {
  statContract(name, kit)
  metadataContract(name, kit)
  renameContract(name, kit)
  removeContract(name, kit)
}

function statContract(name: string, kit: Kit): void {
  const test = suite(`${name}: stat`)
  const { files } = kit.host

  test('what is not there is undefined', () => {
    const directory = kit.fresh()
    assert.is(files.stat(directory, 'none'), undefined)
    assert.is(files.stat(directory, 'none/below'), undefined)
  })

  test('a file, a directory, a link, a pipe, a socket', () => {
    const directory = kit.fresh()
    kit.put(directory, 'file', 'x'.repeat(5000), 0o600)
    files.makeDirectory(directory, 'dir', 0o711)
    files.makeLink('file', directory, 'link')
    files.makeNode(directory, 'fifo', 'fifo', 0, 0)
    files.makeNode(directory, 'socket', 'socket', 0, 0)
    for (const type of ['file', 'dir', 'link', 'fifo', 'socket']) {
      const stat = kit.stat(directory, type)
      assert.is(stat.type, type)
      assert.is(stat.major, 0)
      assert.is(stat.minor, 0)
      assert.is(stat.uid, kit.host.processes.userId())
    }
    const stat = kit.stat(directory, 'file')
    assert.is(stat.size, 5000)
    assert.is(stat.links, 1)
    assert.is(stat.mode, 0o600)
    assert.ok(stat.occupied % 512 === 0 && stat.occupied >= 0)
    assert.ok(Math.abs(stat.modified.seconds - kit.host.clock.wallSeconds()) < 100)
    assert.is(kit.stat(directory, 'dir').mode, 0o711)
    const fd = files.openRead(directory, 'file')
    assert.equal(files.statHandle(fd), stat)
    files.close(fd)
  })

  test('mounts are told from what lies on the disk itself', () => {
    const directory = kit.fresh()
    kit.put(directory, 'file')
    files.makeDirectory(directory, 'sub', 0o755)
    files.makeLink('sub', directory, 'sub/link')
    files.makeNode(directory, 'sub/fifo', 'fifo', 0, 0)
    for (const path of ['file', 'sub', 'sub/link', 'sub/fifo']) {
      assert.not.ok(files.isMount(directory, path), path)
    }
    fails('ENOENT', () => files.isMount(directory, 'sub/absent'), 'sub/absent')
    fails('EINVAL', () => files.detachMount(directory, 'sub'), 'sub')
    const root = files.openRoot('/')
    // A system without /proc can't say.
    if (files.stat(root, 'proc/self')) assert.ok(files.isMount(root, 'proc'))
    files.close(root)
  })

  test('only regular files are opened', () => {
    const directory = kit.fresh()
    files.makeDirectory(directory, 'dir', 0o755)
    files.makeNode(directory, 'fifo', 'fifo', 0, 0)
    files.makeNode(directory, 'socket', 'socket', 0, 0)
    fails('EISDIR', () => files.openRead(directory, 'dir'), 'dir')
    fails('EISDIR', () => files.openAppend(directory, 'dir', 0o600), 'dir')
    fails('EINVAL', () => files.openRead(directory, 'fifo'), 'fifo')
    fails('EINVAL', () => files.openAppend(directory, 'fifo', 0o600), 'fifo')
    fails('EINVAL', () => files.openRead(directory, 'socket'), 'socket')
    fails('ENOENT', () => files.openRead(directory, 'none'), 'none')
    kit.put(directory, 'file')
    fails('ENOTDIR', () => files.openDirectory(directory, 'file'), 'file')
    fails('ENOTDIR', () => files.readDirectory(directory, 'file'), 'file')
    fails('EINVAL', () => files.readLink(directory, 'file'), 'file')
  })

  test('device nodes keep their numbers', () => {
    if (!kit.isRoot) return
    const directory = kit.fresh()
    for (const type of ['char', 'block'] as const) {
      for (const [major, minor] of [
        [1, 3],
        [259, 70_000],
        [4095, 1_048_575],
      ] as const) {
        files.makeNode(directory, 'node', type, major, minor)
        const stat = kit.stat(directory, 'node')
        assert.equal([stat.type, stat.major, stat.minor, stat.size], [type, major, minor, 0])
        fails('EINVAL', () => files.openRead(directory, 'node'))
        files.removeFile(directory, 'node')
      }
    }
  })

  test('hard links share an identity', () => {
    const directory = kit.fresh()
    files.makeDirectory(directory, 'sub', 0o755)
    kit.put(directory, 'a', 'text')
    files.hardLink(directory, 'a', directory, 'sub/b')
    assert.is(kit.stat(directory, 'a').identity, kit.stat(directory, 'sub/b').identity)
    assert.is(kit.stat(directory, 'a').links, 2)
    kit.put(directory, 'c')
    assert.is.not(kit.stat(directory, 'a').identity, kit.stat(directory, 'c').identity)
    files.makeLink('nowhere', directory, 'link')
    files.hardLink(directory, 'link', directory, 'sub/link')
    assert.is(files.readLink(directory, 'sub/link'), 'nowhere')
    fails('EEXIST', () => files.hardLink(directory, 'a', directory, 'c'))
    fails('ENOENT', () => files.hardLink(directory, 'none', directory, 'd'))
    fails('EPERM', () => files.hardLink(directory, 'sub', directory, 'd'))
  })

  test('reads long directories, sorted by bytes', () => {
    const directory = kit.fresh()
    const names = Array.from({ length: 1500 }, (_, i) => `${i}-${'n'.repeat(i % 100)}`)
    for (const each of names) files.makeLink('x', directory, each)
    files.makeLink('x', directory, '\xff')
    files.makeLink('x', directory, '\x7f')
    const found = files.readDirectory(directory, '.')
    assert.equal(found, [...names, '\x7f', '\xff'].sort())
  })

  test.run()
}

function metadataContract(name: string, kit: Kit): void {
  const test = suite(`${name}: metadata`)
  const { files } = kit.host

  test('sets mode and time, of every type', () => {
    const directory = kit.fresh()
    kit.put(directory, 'file')
    files.makeDirectory(directory, 'dir', 0o755)
    files.makeLink('file', directory, 'link')
    files.makeNode(directory, 'fifo', 'fifo', 0, 0)
    for (const path of ['file', 'dir', 'link', 'fifo']) {
      const metadata = kit.metadata({ mode: 0o1604 })
      files.setMetadata(directory, path, metadata)
      const stat = kit.stat(directory, path)
      assert.equal(stat.modified, metadata.modified)
      assert.is(stat.mode, path === 'link' ? 0o777 : 0o1604)
    }
    files.setMetadata(directory, '.', kit.metadata({ mode: 0o700 }))
    assert.is(files.statHandle(directory).mode, 0o700)
    assert.is(kit.get(directory, 'file'), 'file')
  })

  test('times before 1970 and after 2038', () => {
    const directory = kit.fresh()
    kit.put(directory, 'a')
    for (const modified of [
      { seconds: -1, nanoseconds: 999_999_999 },
      { seconds: -2_000_000_000, nanoseconds: 1 },
      { seconds: 0, nanoseconds: 0 },
      { seconds: 4_500_000_000, nanoseconds: 5 },
    ]) {
      files.setMetadata(directory, 'a', kit.metadata({ modified }))
      assert.equal(kit.stat(directory, 'a').modified, modified)
    }
  })

  test('owners, with set-uid bits that survive the change of owner', () => {
    if (!kit.isRoot) return
    const directory = kit.fresh()
    kit.put(directory, 'a')
    files.makeLink('a', directory, 'link')
    for (const path of ['a', 'link']) {
      const metadata = kit.metadata({ mode: 0o6755, uid: 4_000_000_000, gid: 1234 })
      files.setMetadata(directory, path, metadata)
      const { uid, gid, mode } = kit.stat(directory, path)
      assert.equal([uid, gid], [4_000_000_000, 1234])
      assert.is(mode, path === 'a' ? 0o6755 : 0o777)
    }
  })

  test('extended attributes: set, changed, removed', () => {
    const directory = kit.fresh()
    const xattrs = kit.someXattrs(directory)
    if (xattrs.length === 0) return
    kit.put(directory, 'a')
    assert.equal(files.readXattrs(directory, 'a'), [])
    files.setMetadata(directory, 'a', kit.metadata({ xattrs: [...xattrs].reverse() }))
    assert.equal(files.readXattrs(directory, 'a'), xattrs)
    const changed = [{ name: 'user.some', value: arrayOfBytes('other') }]
    files.setMetadata(directory, 'a', kit.metadata({ xattrs: changed }))
    assert.equal(files.readXattrs(directory, 'a'), changed)
    files.setMetadata(directory, 'a', kit.metadata())
    assert.equal(files.readXattrs(directory, 'a'), [])
  })

  test('capabilities come after the owner, who would clear them', () => {
    const directory = kit.fresh()
    if (!kit.isRoot || kit.someXattrs(directory).length === 0) return
    kit.put(directory, 'ping')
    const value = new Uint8Array([1, 0, 0, 2, 0, 0x20, 0, 0, ...new Array(12).fill(0)])
    const xattrs = [{ name: 'security.capability', value }]
    files.setMetadata(directory, 'ping', kit.metadata({ xattrs, mode: 0o755, uid: 77 }))
    assert.equal(files.readXattrs(directory, 'ping'), xattrs)
    files.setMetadata(directory, 'ping', kit.metadata({ xattrs, mode: 0o755, uid: 78 }))
    assert.equal(files.readXattrs(directory, 'ping'), xattrs)
  })

  test('nothing there is ENOENT', () => {
    const directory = kit.fresh()
    fails('ENOENT', () => files.setMetadata(directory, 'none', kit.metadata()), 'none')
    fails('ENOENT', () => files.readXattrs(directory, 'none'), 'none')
    fails('ENOENT', () => files.readLink(directory, 'none'), 'none')
    fails('ENOENT', () => files.readDirectory(directory, 'none'), 'none')
  })

  test.run()
}

function renameContract(name: string, kit: Kit): void {
  const test = suite(`${name}: rename`)
  const { files } = kit.host

  test('replaces what stands at the target', () => {
    const directory = kit.fresh()
    const other = kit.fresh()
    kit.put(directory, 'a', 'new')
    kit.put(other, 'b', 'old')
    files.rename(directory, 'a', other, 'b')
    assert.is(kit.get(other, 'b'), 'new')
    assert.equal(files.readDirectory(directory, '.'), [])
    files.makeDirectory(other, 'full', 0o755)
    kit.put(other, 'full/x')
    files.makeDirectory(other, 'dir', 0o755)
    fails('ENOTEMPTY', () => files.rename(other, 'dir', other, 'full'))
    fails('ENOENT', () => files.rename(other, 'none', other, 'b'))
    fails('EISDIR', () => files.rename(other, 'b', other, 'dir'))
  })

  test('exchanges two directories in one step', () => {
    const directory = kit.fresh()
    for (const path of ['one', 'two']) {
      files.makeDirectory(directory, path, 0o755)
      kit.put(directory, `${path}/name`, path)
    }
    files.exchange(directory, 'one', directory, 'two')
    assert.is(kit.get(directory, 'one/name'), 'two')
    assert.is(kit.get(directory, 'two/name'), 'one')
    fails('ENOENT', () => files.exchange(directory, 'one', directory, 'none'))
    assert.equal(files.readDirectory(directory, '.'), ['one', 'two'])
  })

  test.run()
}

function removeContract(name: string, kit: Kit): void {
  const test = suite(`${name}: remove`)
  const { files } = kit.host

  test('files, and no directory', () => {
    const directory = kit.fresh()
    kit.put(directory, 'a')
    files.makeDirectory(directory, 'dir', 0o755)
    kit.put(directory, 'dir/b')
    fails('EISDIR', () => files.removeFile(directory, 'dir'), 'dir')
    files.removeFile(directory, 'a')
    files.removeFile(directory, 'dir/b')
    fails('ENOENT', () => files.removeFile(directory, 'a'), 'a')
    assert.equal(files.readDirectory(directory, '.'), ['dir'])
    assert.equal(files.readDirectory(directory, 'dir'), [])
  })

  test('a whole tree, and nothing that its links lead to', () => {
    const directory = kit.fresh()
    const outside = kit.fresh()
    kit.put(outside, 'precious')
    files.makeDirectory(directory, 'tree', 0o755)
    files.makeDirectory(directory, 'tree/sub', 0o755)
    for (let i = 0; i < 300; i++) kit.put(directory, `tree/sub/${i}`)
    files.hardLink(outside, 'precious', directory, 'tree/hard')
    files.makeLink('..', directory, 'tree/sub/up')
    files.makeNode(directory, 'tree/fifo', 'fifo', 0, 0)
    files.makeLink('tree', directory, 'link')
    files.removeTree(directory, 'link')
    assert.is(files.readDirectory(directory, 'tree').length, 3)
    files.removeTree(directory, 'tree')
    assert.equal(files.readDirectory(directory, '.'), [])
    assert.is(kit.get(outside, 'precious'), 'precious')
    files.removeTree(directory, 'tree')
  })

  test('a tree that is deeper than paths are long', () => {
    const top = kit.fresh()
    let directory: Fd = files.openDirectory(top, '.')
    for (let depth = 0; depth < 200; depth++) {
      const part = 'deep-'.repeat(8)
      files.makeDirectory(directory, part, 0o755)
      kit.put(directory, 'file')
      const next = files.openDirectory(directory, part)
      files.close(directory)
      directory = next
    }
    files.close(directory)
    for (const each of files.readDirectory(top, '.')) files.removeTree(top, each)
    assert.equal(files.readDirectory(top, '.'), [])
  })

  test.run()
}
