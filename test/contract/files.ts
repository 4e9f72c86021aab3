/**
 * What native:files promises, for any host. Runs in Node and in QuickJS: no Node types here.
 * `scratch` is an empty directory; some of it needs root and is left out without.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isSystemError } from '../../src/errors.ts'
import type { Fd, Host, Metadata, Path, Stat } from '../../src/host.ts'
import { arrayOfBytes, bytesOfArray } from '../../src/text.ts'

/** Names that a Linux file system can hold and that code likes to break on. */
export const NASTY_NAMES: Path[] = [
  'a name with spaces',
  'new\nline',
  '\xff\xfe no utf-8 \x80',
  '-rf',
  '\\back\\slash',
  'quote\'"',
  'x'.repeat(255),
  '\u00c3\u00a9 utf-8',
  '\x01\x7f',
]

export function filesContract(name: string, host: Host, scratch: Path): void {
  const { files, processes } = host
  const test = suite(name)
  const root = files.openRoot(scratch)
  const isRoot = processes.userId() === 0
  let count = 0

  /** A fresh directory for one test. */
  const fresh = (): Fd => {
    const path = `files-${count++}`
    files.makeDirectory(root, path, 0o755)
    return files.openDirectory(root, path)
  }
  const put = (directory: Fd, path: Path, content: string, mode = 0o644): void => {
    const fd = files.createFile(directory, path, mode)
    files.write(fd, arrayOfBytes(content), 0, content.length)
    files.close(fd)
  }
  const get = (directory: Fd, path: Path): string => {
    const fd = files.openRead(directory, path)
    const buffer = new Uint8Array(100_000)
    const length = files.read(fd, buffer, 0, buffer.length)
    files.close(fd)
    return bytesOfArray(buffer.subarray(0, length))
  }
  const there = (directory: Fd, path: Path): Stat => {
    const found = files.stat(directory, path)
    if (!found) throw new Error(`${path} is not there`)
    return found
  }
  const metadata = (change: Partial<Metadata> = {}): Metadata => ({
    mode: 0o640,
    uid: isRoot ? 1234 : processes.userId(),
    gid: isRoot ? 2345 : there(root, '.').gid,
    modified: { seconds: 1_000_000_000, nanoseconds: 123_456_789 },
    xattrs: [],
    ...change,
  })
  const fails = (code: string, run: () => unknown, path?: Path): void => {
    try {
      run()
    } catch (error) {
      assert.ok(isSystemError(error), `no SystemError: ${String(error)}`)
      if (!isSystemError(error)) return
      assert.is(error.code, code)
      if (path !== undefined) assert.is(error.path, path)
      assert.type(error.errno, 'number')
      assert.ok(error.call.length > 0)
      assert.ok(error.message.startsWith(error.call) && error.message.endsWith(`(${code})`))
      return
    }
    throw new Error(`nothing was thrown where ${code} was expected`)
  }

  test('writes a file and reads it back', () => {
    const directory = fresh()
    put(directory, 'a', 'hello')
    assert.is(get(directory, 'a'), 'hello')
    assert.is(there(directory, 'a').size, 5)
    assert.is(there(directory, 'a').type, 'file')
  })

  test.run()
  void fails
  void metadata
}
