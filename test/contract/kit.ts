/**
 * What the contract suites work with: directories for each test, small files, and the check of an
 * error's shape. Host-neutral: runs in Node and in QuickJS.
 */
import * as assert from 'uvu/assert'
import { isSystemError } from '../../src/errors.ts'
import type { Fd, Host, Metadata, Path, Stat } from '../../src/host.ts'
import { arrayOfBytes, bytesOfArray } from '../../src/text.ts'

/** Names that a Linux file system can hold and that code likes to break on. */
export const NASTY_NAMES: Path[] = [
  '-rf',
  '\x01\x7f',
  '#comment [a]?*',
  'a name with spaces',
  'back\\slash\\040',
  'new\nline',
  'quote\'"',
  'x'.repeat(255),
  '\xc3\xa9 utf-8',
  '\xff\xfe no utf-8 \x80',
]

export class Kit {
  readonly root: Fd
  readonly isRoot: boolean
  private count = 0

  constructor(
    readonly host: Host,
    scratch: Path,
  ) {
    this.root = host.files.openRoot(scratch)
    this.isRoot = host.processes.userId() === 0
  }

  /** A new, empty directory. */
  fresh(): Fd {
    const { files } = this.host
    const path = `fresh-${this.count++}-${Math.random().toString(36).slice(2)}`
    files.makeDirectory(this.root, path, 0o755)
    return files.openDirectory(this.root, path)
  }

  put(directory: Fd, path: Path, content: string | Uint8Array = path, mode = 0o644): void {
    const { files } = this.host
    const bytes = typeof content === 'string' ? arrayOfBytes(content) : content
    const fd = files.createFile(directory, path, mode)
    files.write(fd, bytes, 0, bytes.length)
    files.close(fd)
  }

  get(directory: Fd, path: Path): string {
    const { files } = this.host
    const size = this.stat(directory, path).size
    const fd = files.openRead(directory, path)
    const buffer = new Uint8Array(size + 1)
    const length = files.read(fd, buffer, 0, buffer.length)
    files.close(fd)
    return bytesOfArray(buffer.subarray(0, length))
  }

  /** How many handles this process has open; 0 if nothing tells. */
  openHandles(): number {
    const { files } = this.host
    try {
      const fd = files.openRoot('/proc/self/fd')
      const count = files.readDirectory(fd, '.').length
      files.close(fd)
      return count
    } catch (error) {
      if (!isSystemError(error, 'ENOENT')) throw error
      return 0
    }
  }

  /** The stat of an entry that must be there. */
  stat(directory: Fd, path: Path): Stat {
    const found = this.host.files.stat(directory, path)
    if (!found) throw new Error(`${path} is not there`)
    return found
  }

  metadata(change: Partial<Metadata> = {}): Metadata {
    const { uid, gid } = this.stat(this.root, '.')
    const modified = { seconds: 1_000_000_000, nanoseconds: 123_456_789 }
    return { mode: 0o640, uid, gid, modified, xattrs: [], ...change }
  }

  /** Extended attributes that this user may set here; [] if the file system has none. */
  someXattrs(directory: Fd): Metadata['xattrs'] {
    const xattrs = [
      { name: 'user.empty', value: new Uint8Array(0) },
      { name: 'user.some', value: arrayOfBytes('\x00\xffvalue') },
    ]
    if (this.isRoot) xattrs.unshift({ name: 'trusted.xo', value: arrayOfBytes('for root') })
    this.put(directory, 'xattr-probe')
    try {
      this.host.files.setMetadata(directory, 'xattr-probe', this.metadata({ xattrs }))
    } catch (error) {
      if (!isSystemError(error, 'EOPNOTSUPP')) throw error
      return []
    } finally {
      this.host.files.removeFile(directory, 'xattr-probe')
    }
    return xattrs
  }
}

/** Asserts that a complete SystemError is thrown. */
export function fails(code: string, run: () => unknown, path?: Path): void {
  let thrown: unknown
  try {
    run()
  } catch (error) {
    thrown = error
  }
  if (thrown === undefined) throw new Error(`nothing was thrown where ${code} was expected`)
  checkSystemError(thrown, code, path)
}

export function checkSystemError(error: unknown, code: string, path?: Path): void {
  if (!isSystemError(error)) throw new Error(`no SystemError: ${String(error)}`)
  assert.is(error.code, code)
  if (path !== undefined) assert.is(error.path, path)
  assert.type(error.errno, 'number')
  assert.ok(error.call.length > 0, 'has a call')
  const starts = [
    `${error.call} "${error.path}": `,
    ...(error.path === '' ? [`${error.call}: `] : []),
  ]
  assert.ok(
    starts.some((start) => error.message.startsWith(start)),
    error.message,
  )
  assert.ok(error.message.endsWith(` (${code})`), error.message)
}
