/**
 * What native:files promises of names and content, for any host; files-entries.ts has the rest.
 * Runs in Node and in QuickJS: nothing of Node here. `scratch` is an empty directory.
 */

import * as assert from 'uvu/assert'
import { isSystemError } from '../../src/errors.ts'
import type { Fd, Host, Path } from '../../src/host.ts'
import { bytesOfArray } from '../../src/text.ts'
import { suite } from '../support/suite.ts'
import { entriesContract } from './files-entries.ts'
import { fails, Kit, NASTY_NAMES } from './kit.ts'

export function filesContract(name: string, host: Host, scratch: Path): void {
  const kit = new Kit(host, scratch)
  namesContract(name, kit)
  contentContract(name, kit)
  handlesContract(name, kit, scratch)
  entriesContract(name, kit)
}

function namesContract(name: string, kit: Kit): void {
  const test = suite(`${name}: names`)
  const { files } = kit.host

  test('every name that Linux has survives the way', () => {
    const directory = kit.fresh()
    for (const path of NASTY_NAMES) kit.put(directory, path)
    assert.equal(files.readDirectory(directory, '.'), [...NASTY_NAMES].sort())
    for (const path of NASTY_NAMES) assert.is(kit.get(directory, path), path)
    files.makeDirectory(directory, 'sub', 0o755)
    for (const path of NASTY_NAMES) files.rename(directory, path, directory, `sub/${path}`)
    assert.equal(files.readDirectory(directory, 'sub'), [...NASTY_NAMES].sort())
    for (const path of NASTY_NAMES) files.removeFile(directory, `sub/${path}`)
    assert.equal(files.readDirectory(directory, 'sub'), [])
  })

  test('link texts are bytes too', () => {
    const directory = kit.fresh()
    for (const text of [...NASTY_NAMES, '/', '../../x', 'y'.repeat(4095)]) {
      files.makeLink(text, directory, 'link')
      assert.is(files.readLink(directory, 'link'), text)
      assert.is(kit.stat(directory, 'link').type, 'link')
      assert.is(kit.stat(directory, 'link').size, text.length)
      files.removeFile(directory, 'link')
    }
  })

  test('what is no byte string is refused', () => {
    const directory = kit.fresh()
    for (const path of ['a\0b', '\u0100', '\u{1f600}']) {
      assert.throws(() => files.stat(directory, path), /byte string/)
      assert.throws(() => files.makeLink(path, directory, 'link'), /byte string/)
    }
  })

  test('paths have one form', () => {
    const directory = kit.fresh()
    files.makeDirectory(directory, 'd', 0o755)
    for (const [path, code] of [
      ['..', 'EXDEV'],
      ['../x', 'EXDEV'],
      ['d/..', 'EXDEV'],
      ['d/../d', 'EXDEV'],
      ['/etc/passwd', 'EXDEV'],
      ['/', 'EXDEV'],
      ['d/', 'EINVAL'],
      ['d//x', 'EINVAL'],
      ['', 'ENOENT'],
    ] as const) {
      fails(code, () => files.readDirectory(directory, path), path)
      fails(code, () => files.openRead(directory, path), path)
      fails(code, () => files.makeDirectory(directory, path, 0o755), path)
      fails(code, () => files.removeTree(directory, path), path)
      fails(code, () => files.createFile(directory, path, 0o644), path)
    }
    assert.is(kit.stat(directory, '.').type, 'dir')
    fails('ENAMETOOLONG', () => files.openRead(directory, 'x'.repeat(256)))
    // The longest path has 4095 bytes, and the longest name 255; both are copied on the way.
    const long = ['x/'.repeat(2048), 'x/'.repeat(4000), `${'x'.repeat(4000)}/`]
    for (const path of long.map((folders) => `${folders}x`)) {
      fails('ENAMETOOLONG', () => files.openRead(directory, path), path)
      fails('ENAMETOOLONG', () => files.makeDirectory(directory, path, 0o755), path)
      fails('ENAMETOOLONG', () => files.removeFile(directory, path), path)
      fails('ENAMETOOLONG', () => files.stat(directory, path), path)
    }
  })

  /** symlink-write-escape: a link inside a tree that leads out of it must never be followed. */
  test('no link is followed, neither in the middle nor at the end', () => {
    const directory = kit.fresh()
    const outside = kit.fresh()
    kit.put(outside, 'secret')
    files.makeDirectory(directory, 'real', 0o755)
    files.makeDirectory(directory, 'real/deep', 0o755)
    for (const path of ['real/file', 'real/deep/file']) kit.put(directory, path)
    files.makeLink('real', directory, 'inner')
    files.makeLink('/', directory, 'outer')
    files.makeLink('..', directory, 'real/up')
    files.makeLink('real/file', directory, 'end')
    const calls: ((path: Path) => unknown)[] = [
      (path) => files.openRead(directory, `${path}/file`),
      (path) => files.createFile(directory, `${path}/new`, 0o644),
      (path) => files.openAppend(directory, `${path}/new`, 0o644),
      (path) => files.stat(directory, `${path}/file`),
      (path) => files.readDirectory(directory, path),
      (path) => files.openDirectory(directory, path),
      (path) => files.makeDirectory(directory, `${path}/new`, 0o755),
      (path) => files.makeLink('text', directory, `${path}/new`),
      (path) => files.removeFile(directory, `${path}/file`),
      (path) => files.removeTree(directory, `${path}/file`),
      (path) => files.rename(directory, `${path}/file`, directory, 'moved'),
      (path) => files.rename(directory, 'real/file', directory, `${path}/moved`),
      (path) => files.hardLink(directory, 'real/file', directory, `${path}/hard`),
      (path) => files.copyFile(directory, 'real/file', directory, `${path}/copy`),
      (path) => files.setMetadata(directory, `${path}/file`, kit.metadata()),
      (path) => files.readXattrs(directory, `${path}/file`),
    ]
    // What is above the last folder is resolved by the kernel.
    for (const path of ['inner', 'outer', 'inner/deep', 'outer/deep', 'real/up', 'real/up/real']) {
      for (const call of calls) fails('ELOOP', () => call(path))
    }
    fails('ELOOP', () => files.openRead(directory, 'end'))
    fails('ELOOP', () => files.openAppend(directory, 'end', 0o644))
    fails('EEXIST', () => files.createFile(directory, 'end', 0o644))
    files.removeTree(directory, 'inner')
    for (const path of ['real/file', 'real/deep/file']) assert.is(kit.get(directory, path), path)
    assert.equal(files.readDirectory(directory, 'real'), ['deep', 'file', 'up'])
    assert.equal(files.readDirectory(directory, 'real/deep'), ['file'])
  })

  test.run()
}

function contentContract(name: string, kit: Kit): void {
  const test = suite(`${name}: content`)
  const { files } = kit.host

  test('reads what was written, from where it stands or from a position', () => {
    const directory = kit.fresh()
    const bytes = new Uint8Array(300_000).map((_, i) => i * 7)
    kit.put(directory, 'a', bytes)
    const fd = files.openRead(directory, 'a')
    const buffer = new Uint8Array(300_010)
    assert.is(files.read(fd, buffer, 5, 299_999), 299_999)
    assert.equal(buffer.slice(5, 300_004), bytes.slice(0, 299_999))
    assert.is(files.read(fd, buffer, 0, 100), 1)
    assert.is(files.read(fd, buffer, 0, 100), 0)
    assert.is(files.read(fd, buffer, 0, 100, 299_950), 50)
    assert.is(files.read(fd, buffer, 0, 100, 2 ** 40), 0)
    assert.is(files.read(fd, buffer, 0, 0), 0)
    assert.is(buffer[0], bytes[299_950])
    files.close(fd)
  })

  test('keeps to the window it is given', () => {
    const directory = kit.fresh()
    kit.put(directory, 'a', 'hello')
    const fd = files.openRead(directory, 'a')
    const buffer = new Uint8Array(8)
    for (const [offset, length] of [
      [0, 9],
      [8, 1],
      [-1, 4],
      [4, -1],
      [2 ** 32, 1],
      [1, 2 ** 32],
    ] as const) {
      assert.throws(
        () => files.read(fd, buffer, offset, length),
        (error: Error) => error instanceof RangeError,
      )
    }
    const part = new Uint8Array(buffer.buffer, 2, 3)
    assert.is(files.read(fd, part, 1, 2), 2)
    assert.equal(Array.from(buffer), [0, 0, 0, 0x68, 0x65, 0, 0, 0])
    files.close(fd)
  })

  test('appends', () => {
    const directory = kit.fresh()
    for (const text of ['one ', 'two']) {
      const fd = files.openAppend(directory, 'log', 0o600)
      files.write(fd, new Uint8Array([...text].map((c) => c.charCodeAt(0))), 0, text.length)
      files.close(fd)
    }
    assert.is(kit.get(directory, 'log'), 'one two')
    const fd = files.openAppend(directory, 'log', 0o600)
    const buffer = new Uint8Array(3)
    assert.is(files.read(fd, buffer, 0, 3, 0), 3)
    assert.is(bytesOfArray(buffer), 'one')
    files.close(fd)
  })

  test('a new file is really new, and an old one stays as it was', () => {
    const directory = kit.fresh()
    kit.put(directory, 'a', 'old', 0o600)
    assert.is(kit.stat(directory, 'a').mode, 0o600)
    fails('EEXIST', () => files.createFile(directory, 'a', 0o644), 'a')
    assert.is(kit.get(directory, 'a'), 'old')
  })

  test('copies content to a new file', () => {
    const directory = kit.fresh()
    const bytes = new Uint8Array(200_001).map((_, i) => i >> 3)
    kit.put(directory, 'a', bytes)
    files.copyFile(directory, 'a', directory, 'b')
    assert.is(kit.get(directory, 'b'), bytesOfArray(bytes))
    assert.is(kit.stat(directory, 'b').mode, 0o600)
    assert.is.not(kit.stat(directory, 'b').identity, kit.stat(directory, 'a').identity)
    fails('EEXIST', () => files.copyFile(directory, 'a', directory, 'b'))
    fails('ENOENT', () => files.copyFile(directory, 'none', directory, 'c'))
    assert.is(files.stat(directory, 'c'), undefined)
    kit.put(directory, 'empty', '')
    files.copyFile(directory, 'empty', directory, 'empty-copy')
    assert.is(kit.get(directory, 'empty-copy'), '')
  })

  test.run()
}

function handlesContract(name: string, kit: Kit, scratch: Path): void {
  const test = suite(`${name}: handles`)
  const { files } = kit.host
  const closed = (): Fd => {
    const fd = files.openDirectory(kit.root, '.')
    files.close(fd)
    return fd
  }

  test('opens by paths of the system, through links', () => {
    const directory = kit.fresh()
    kit.put(directory, 'file', 'text')
    const base = `${scratch}/${files.readDirectory(kit.root, '.').find((each) => {
      return kit.stat(kit.root, each).identity === files.statHandle(directory).identity
    })}`
    files.makeLink(`${base}/file`, directory, 'to-file')
    files.makeLink(base, directory, 'to-directory')
    const fd = files.openFile(`${base}/to-file`)
    assert.is(files.statHandle(fd).size, 4)
    files.close(fd)
    const root = files.openRoot(`${base}/to-directory`)
    assert.is(kit.get(root, 'file'), 'text')
    files.close(root)
    fails('ENOENT', () => files.openRoot(`${base}/none`), `${base}/none`)
    fails('ENOTDIR', () => files.openRoot(`${base}/file`), `${base}/file`)
    fails('ENOENT', () => files.openFile(`${base}/none`), `${base}/none`)
    fails('EISDIR', () => files.openFile(base), base)
    fails('EINVAL', () => files.openFile('/dev/null'), '/dev/null')
  })

  test('no call leaves a handle behind, whether it succeeds or not', () => {
    const directory = kit.fresh()
    files.makeDirectory(directory, 'a', 0o755)
    files.makeDirectory(directory, 'a/b', 0o755)
    files.makeLink('b', directory, 'a/link')
    const calls: (() => unknown)[] = [
      () => kit.put(directory, 'a/b/file'),
      () => files.stat(directory, 'a/b/file'),
      () => files.stat(directory, 'a/none/file'),
      () => files.close(files.openRead(directory, 'a/b/file')),
      () => files.openRead(directory, 'a/b/none'),
      () => files.openRead(directory, 'a/link/file'),
      () => files.openRead(directory, 'a/b'),
      () => files.createFile(directory, 'a/b/file', 0o644),
      () => files.readDirectory(directory, 'a/b'),
      () => files.readLink(directory, 'a/link'),
      () => files.setMetadata(directory, 'a/b/file', kit.metadata()),
      () => files.copyFile(directory, 'a/b/file', directory, 'a/b/copy'),
      () => files.hardLink(directory, 'a/b/file', directory, 'a/b/hard'),
      () => files.rename(directory, 'a/b/hard', directory, 'a/none/hard'),
      () => files.removeFile(directory, 'a/b/copy'),
      () => files.removeTree(directory, 'a/b/hard'),
      () => files.removeTree(directory, 'a/b/file'),
    ]
    const all = () => {
      for (const call of calls) {
        try {
          call()
        } catch (error) {
          if (!isSystemError(error)) throw error
        }
      }
    }
    // The first time may open something that stays open.
    all()
    const before = kit.openHandles()
    all()
    assert.is(kit.openHandles(), before)
  })

  test('a closed handle is EBADF', () => {
    const fd = closed()
    const buffer = new Uint8Array(1)
    fails('EBADF', () => files.close(fd))
    fails('EBADF', () => files.statHandle(fd))
    fails('EBADF', () => files.stat(fd, 'x'), 'x')
    fails('EBADF', () => files.read(fd, buffer, 0, 1))
    fails('EBADF', () => files.write(fd, buffer, 0, 1))
    fails('EBADF', () => files.sync(fd))
    fails('EBADF', () => files.syncFileSystem(fd))
    fails('EBADF', () => files.space(fd))
    fails('EBADF', () => files.lock(fd))
    assert.is(files.isTerminal(fd), false)
    assert.is(files.terminalWidth(fd), 80)
  })

  test('syncs files, directories and the file system', () => {
    const directory = kit.fresh()
    const fd = files.createFile(directory, 'a', 0o600)
    files.sync(fd)
    files.close(fd)
    files.sync(directory)
    files.syncFileSystem(directory)
  })

  test('knows the space that is left', () => {
    const space = files.space(kit.root)
    assert.ok(space.bytes > 0 && space.inodes > 0)
    assert.ok(space.blockSize >= 512 && space.blockSize <= 1024 * 1024)
  })

  test('locks for one holder', () => {
    const directory = kit.fresh()
    const one = files.openAppend(directory, 'lock', 0o600)
    const two = files.openAppend(directory, 'lock', 0o600)
    assert.is(files.lock(one), true)
    assert.is(files.lock(one), true)
    assert.is(files.lock(two), false)
    files.close(one)
    assert.is(files.lock(two), true)
    files.close(two)
  })

  test('a file is no terminal', () => {
    const directory = kit.fresh()
    const fd = files.createFile(directory, 'a', 0o600)
    assert.is(files.isTerminal(fd), false)
    assert.is(files.terminalWidth(fd), 80)
    files.close(fd)
  })

  test.run()
}
