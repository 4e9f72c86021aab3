/**
 * The functions of the C library that Node doesn't offer, by koffi, as thin as can be: byte strings
 * go in as buffers, a result of -1 becomes a SystemError. Policy belongs in files.node.ts.
 */

import type { FileType } from 'native:files'
import { constants } from 'node:os'
import koffi from 'koffi'
import type { Fd, Path, Stat, Time } from '../../src/host.ts'
import { systemError } from '../system-error.node.ts'

const library = koffi.load(null)
const PATH = 'void *'

/** Calls again what a signal interrupted, as the C side does. */
function restarting(
  name: string,
  result: string,
  types: string[],
): (...words: unknown[]) => number {
  const call = library.func(name, result, types)
  return (...words) => {
    for (;;) {
      const status: number = call(...words)
      if (status !== -1 || koffi.errno() !== constants.errno.EINTR) return status
    }
  }
}

const native = {
  open: restarting('open', 'int', [PATH, 'int', 'uint']),
  openat: restarting('openat', 'int', ['int', PATH, 'int', 'uint']),
  close: library.func('close', 'int', ['int']),
  openat2: restarting('syscall', 'long', ['long', 'int', PATH, 'void *', 'size_t']),
  statx: library.func('statx', 'int', ['int', PATH, 'int', 'uint', 'void *']),
  readlinkat: library.func('readlinkat', 'long', ['int', PATH, 'void *', 'size_t']),
  mkdirat: library.func('mkdirat', 'int', ['int', PATH, 'uint']),
  symlinkat: library.func('symlinkat', 'int', [PATH, 'int', PATH]),
  mknodat: library.func('mknodat', 'int', ['int', PATH, 'uint', 'uint64']),
  linkat: library.func('linkat', 'int', ['int', PATH, 'int', PATH, 'int']),
  unlinkat: library.func('unlinkat', 'int', ['int', PATH, 'int']),
  renameat2: library.func('renameat2', 'int', ['int', PATH, 'int', PATH, 'uint']),
  fchownat: library.func('fchownat', 'int', ['int', PATH, 'uint', 'uint', 'int']),
  fchmodat: library.func('fchmodat', 'int', ['int', PATH, 'uint', 'int']),
  utimensat: library.func('utimensat', 'int', ['int', PATH, 'void *', 'int']),
  llistxattr: library.func('llistxattr', 'long', [PATH, 'void *', 'size_t']),
  lgetxattr: library.func('lgetxattr', 'long', [PATH, PATH, 'void *', 'size_t']),
  lsetxattr: library.func('lsetxattr', 'int', [PATH, PATH, 'void *', 'size_t', 'int']),
  lremovexattr: library.func('lremovexattr', 'int', [PATH, PATH]),
  umount2: library.func('umount2', 'int', [PATH, 'int']),
  flock: restarting('flock', 'int', ['int', 'int']),
  syncfs: restarting('syncfs', 'int', ['int']),
  ioctl: library.func('ioctl', 'int', ['int', 'ulong', 'void *']),
  ioctlNumber: library.func('ioctl', 'int', ['int', 'ulong', 'int']),
}

export const O_CREAT = 0o100
export const O_EXCL = 0o200
export const O_APPEND = 0o2000
export const O_NONBLOCK = 0o4000
export const O_DIRECTORY = 0o200000
export const O_NOFOLLOW = 0o400000
const O_CLOEXEC = 0o2000000
export const O_PATH = 0o10000000
export const RESOLVE_NO_XDEV = 0x01
const RESOLVE_BENEATH_WITHOUT_LINKS = 0x08 | 0x04
/** The number of openat2 on every machine; the C library has no function for it. */
const SYS_OPENAT2 = 437
const AT_SYMLINK_NOFOLLOW = 0x100
const AT_EMPTY_PATH = 0x1000
export const AT_REMOVEDIR = 0x200
export const RENAME_EXCHANGE = 2
/** Leaves the time of the last access as it is. */
const UTIME_OMIT = 0x3ffffffen
const LOCK_EX_NB = 2 | 4
const LOCK_EX = 2
const TIOCGWINSZ = 0x5413
const FICLONE = 0x40049409

/** By the bits of S_IFMT. */
const TYPES = new Map<number, FileType>([
  [0o100000, 'file'],
  [0o040000, 'dir'],
  [0o120000, 'link'],
  [0o020000, 'char'],
  [0o060000, 'block'],
  [0o010000, 'fifo'],
  [0o140000, 'socket'],
])

/** The bytes of a byte string, with the NUL that C wants. */
export function cString(bytes: Path): Buffer {
  for (let i = 0; i < bytes.length; i++) {
    const unit = bytes.charCodeAt(i)
    if (unit === 0 || unit > 0xff) {
      throw new TypeError('not a byte string: every unit must be 0x01..0xff')
    }
  }
  return Buffer.from(`${bytes}\0`, 'latin1')
}

/** A handle and one name below it, which no function here resolves any further. */
export interface Place {
  directory: Fd
  name: Buffer
  /** What the caller asked for; errors name it. */
  path: Path
}

function checked(call: string, path: Path | undefined, result: number): number {
  if (result !== -1) return result
  throw systemError(call, path, koffi.errno())
}

export function open(path: Path, flags: number): Fd {
  return checked('open', path, native.open(cString(path), flags | O_CLOEXEC, 0))
}

export function close(fd: Fd): void {
  checked('close', undefined, native.close(fd))
}

export function openBeneath(
  directory: Fd,
  path: Path,
  flags: number,
  mode: number,
  resolve: number,
): Fd {
  const how = Buffer.alloc(24)
  how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0)
  how.writeBigUInt64LE(BigInt(mode), 8)
  how.writeBigUInt64LE(BigInt(RESOLVE_BENEATH_WITHOUT_LINKS | resolve), 16)
  const name = cString(path)
  return checked('open', path, native.openat2(SYS_OPENAT2, directory, name, how, how.length))
}

/** One name, which is not followed. */
export function openName({ directory, name, path }: Place, flags: number, mode: number): Fd {
  const how = flags | O_NOFOLLOW | O_CLOEXEC
  return checked('open', path, native.openat(directory, name, how, mode))
}

function timeAt(buffer: Buffer, offset: number): Time {
  const seconds = Number(buffer.readBigInt64LE(offset))
  return { seconds, nanoseconds: buffer.readUInt32LE(offset + 8) }
}

/** The fields of struct statx, which is laid out alike on every machine. */
function statOf(buffer: Buffer): Stat {
  const bits = buffer.readUInt16LE(28)
  const device = `${buffer.readUInt32LE(136)}.${buffer.readUInt32LE(140)}`
  return {
    type: TYPES.get(bits & 0o170000) ?? 'file',
    mode: bits & 0o7777,
    uid: buffer.readUInt32LE(20),
    gid: buffer.readUInt32LE(24),
    size: Number(buffer.readBigUInt64LE(40)),
    occupied: Number(buffer.readBigUInt64LE(48)) * 512,
    links: buffer.readUInt32LE(16),
    modified: timeAt(buffer, 112),
    major: buffer.readUInt32LE(128),
    minor: buffer.readUInt32LE(132),
    identity: `${device}:${buffer.readBigUInt64LE(32)}`,
  }
}

const STATX_BASIC_STATS = 0x7ff

export function stat(place: Place): Stat {
  const buffer = Buffer.alloc(256)
  const { directory, name, path } = place
  const result = native.statx(directory, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, buffer)
  checked('stat', path, result)
  return statOf(buffer)
}

export function statHandle(fd: Fd): Stat {
  const buffer = Buffer.alloc(256)
  const result = native.statx(fd, cString(''), AT_EMPTY_PATH, STATX_BASIC_STATS, buffer)
  checked('stat', undefined, result)
  return statOf(buffer)
}

export function readLink({ directory, name, path }: Place): Path {
  const buffer = Buffer.alloc(4096)
  const result = native.readlinkat(directory, name, buffer, buffer.length)
  return buffer.toString('latin1', 0, checked('readlink', path, result))
}

export function makeDirectory({ directory, name, path }: Place, mode: number): void {
  checked('mkdir', path, native.mkdirat(directory, name, mode))
}

export function makeLink(text: Path, { directory, name, path }: Place): void {
  checked('symlink', path, native.symlinkat(cString(text), directory, name))
}

/** `device` as makedev(3) packs it in 64 bits. */
export function makeNode(place: Place, mode: number, major: number, minor: number): void {
  const [high, low] = [BigInt(major), BigInt(minor)]
  const device =
    ((high & 0xfffff000n) << 32n) |
    ((high & 0xfffn) << 8n) |
    ((low & 0xffffff00n) << 12n) |
    (low & 0xffn)
  checked('mknod', place.path, native.mknodat(place.directory, place.name, mode, device))
}

export function hardLink(source: Place, target: Place): void {
  const result = native.linkat(source.directory, source.name, target.directory, target.name, 0)
  checked('link', target.path, result)
}

export function remove({ directory, name, path }: Place, flags: number): void {
  checked(flags ? 'rmdir' : 'unlink', path, native.unlinkat(directory, name, flags))
}

const GET_FLAGS = 0x80086601
const SET_FLAGS = 0x40086602
/** FS_IMMUTABLE_FL and FS_APPEND_FL. */
const RESISTING_FLAGS = 0x10 | 0x20

/** Whether it had flags that keep it from being changed or removed, which are off then. */
export function clearFlags(fd: Fd, path: Path): boolean {
  const flags = Buffer.alloc(8)
  if (native.ioctl(fd, GET_FLAGS, flags) !== 0) return false
  const before = flags.readInt32LE(0)
  if ((before & RESISTING_FLAGS) === 0) return false
  flags.writeInt32LE(before & ~RESISTING_FLAGS, 0)
  checked('ioctl', path, native.ioctl(fd, SET_FLAGS, flags))
  return true
}

export function rename(source: Place, target: Place, flags: number): void {
  const names = [source.directory, source.name, target.directory, target.name] as const
  checked('rename', target.path, native.renameat2(...names, flags))
}

const MNT_DETACH = 2
const UMOUNT_NOFOLLOW = 8

export function detachMount(place: Place): void {
  const path = Buffer.concat([throughProc(place), Buffer.alloc(1)])
  checked('umount', place.path, native.umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW))
}

export function setOwner({ directory, name, path }: Place, uid: number, gid: number): void {
  checked('chown', path, native.fchownat(directory, name, uid, gid, AT_SYMLINK_NOFOLLOW))
}

/** Follows a symlink: never to be called for one. */
export function setMode({ directory, name, path }: Place, mode: number): void {
  checked('chmod', path, native.fchmodat(directory, name, mode, 0))
}

export function setModified({ directory, name, path }: Place, time: Time): void {
  const times = Buffer.alloc(32)
  times.writeBigInt64LE(UTIME_OMIT, 8)
  times.writeBigInt64LE(BigInt(time.seconds), 16)
  times.writeBigInt64LE(BigInt(time.nanoseconds), 24)
  checked('utimens', path, native.utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW))
}

/** Extended attributes have no calls that take a handle and a name, so the handle becomes a path. */
function throughProc({ directory, name }: Place): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${directory}/`), name])
}

const XATTR_SIZE_MAX = 64 * 1024

/** The names, in the kernel's order. Throws EOPNOTSUPP if the file system has none. */
export function listXattrs(place: Place): Path[] {
  const buffer = Buffer.alloc(XATTR_SIZE_MAX)
  const result = native.llistxattr(throughProc(place), buffer, buffer.length)
  const names = buffer.toString('latin1', 0, checked('listxattr', place.path, result))
  return names === '' ? [] : names.slice(0, -1).split('\0')
}

export function getXattr(place: Place, name: Path): Uint8Array {
  const buffer = Buffer.alloc(XATTR_SIZE_MAX)
  const result = native.lgetxattr(throughProc(place), cString(name), buffer, buffer.length)
  return new Uint8Array(buffer.subarray(0, checked('getxattr', place.path, result)))
}

export function setXattr(place: Place, name: Path, value: Uint8Array): void {
  const content = Buffer.from(value)
  const result = native.lsetxattr(throughProc(place), cString(name), content, value.length, 0)
  checked('setxattr', place.path, result)
}

export function removeXattr(place: Place, name: Path): void {
  const result = native.lremovexattr(throughProc(place), cString(name))
  checked('removexattr', place.path, result)
}

export function syncFileSystem(fd: Fd): void {
  checked('syncfs', undefined, native.syncfs(fd))
}

export function lockExclusively(fd: Fd, wait: boolean): void {
  checked('flock', undefined, native.flock(fd, wait ? LOCK_EX : LOCK_EX_NB))
}

/** Shares the blocks of a file with another; false if the file system can't. */
export function clone(source: Fd, target: Fd): boolean {
  return native.ioctlNumber(target, FICLONE, source) === 0
}

/** Columns of the terminal behind a handle; 0 if it is none. */
export function terminalColumns(fd: Fd): number {
  const size = Buffer.alloc(8)
  return native.ioctl(fd, TIOCGWINSZ, size) === 0 ? size.readUInt16LE(2) : 0
}
