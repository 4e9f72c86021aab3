/**
 * The Node side of native:files, on the machine's own disk: for the tests and the debugger, and for what
 * the emulator reads from outside. It is the contract's policy over the thin calls of glibc.node.ts, and
 * must resolve paths by the same rule as the C side: beneath the given handle, and through no symbolic
 * link. The power-cut proof and the emulator bring a disk in memory in its place (virtual-files.ts).
 */

import type { FileType } from 'native:files'
import * as fs from 'node:fs'
import * as tty from 'node:tty'
import { isSystemError } from '../../src/errors.ts'
import type { Fd, Files, Metadata, Path, Stat, Xattr } from '../../src/host.ts'
import { converting, systemErrorOf } from '../system-error.node.ts'
import { KERNEL_LABELS } from '../trees/compare.node.ts'
import { checkWindow } from '../window.node.ts'
import { diskTimes } from './disk-times.node.ts'
import type { Place } from './glibc.node.ts'
import * as glibc from './glibc.node.ts'
import { at, isMount, namesIn, naming, openBeneath, stat } from './paths.node.ts'
import { clearFlags, remove, removeTree } from './removal.node.ts'

const PIECE = 1024 * 1024

function requireFile(stat: Stat, path: Path): void {
  const wrong: Partial<Record<FileType, string>> = { dir: 'EISDIR', link: 'ELOOP' }
  if (stat.type !== 'file') throw systemErrorOf('open', path, wrong[stat.type] ?? 'EINVAL')
}

/** Closes what was opened if the rest of the opening fails. */
function keeping(fd: Fd, check: (fd: Fd) => void): Fd {
  try {
    check(fd)
    return fd
  } catch (error) {
    fs.closeSync(fd)
    throw error
  }
}

function openRoot(path: Path): Fd {
  try {
    return glibc.open(path, glibc.O_DIRECTORY)
  } catch (error) {
    if (!isSystemError(error, 'EACCES')) throw error
    // What can't be listed may still be looked into.
    return glibc.open(path, glibc.O_PATH | glibc.O_DIRECTORY)
  }
}

function openFile(path: Path): Fd {
  return keeping(glibc.open(path, 0), (fd) => {
    const stat = glibc.statHandle(fd)
    if (stat.type !== 'fifo') requireFile(stat, path)
  })
}

/** Looks before it opens, because merely opening a device can have an effect. */
function openRead(directory: Fd, path: Path): Fd {
  const seen = openBeneath(directory, path, glibc.O_PATH | glibc.O_NOFOLLOW)
  try {
    requireFile(glibc.statHandle(seen), path)
    return naming(path, () => glibc.open(`/proc/self/fd/${seen}`, 0))
  } finally {
    fs.closeSync(seen)
  }
}

function openAppend(directory: Fd, path: Path, mode: number): Fd {
  const found = stat(directory, path)
  if (found) requireFile(found, path)
  const flags = 2 | glibc.O_APPEND | glibc.O_CREAT | glibc.O_NONBLOCK
  return keeping(openBeneath(directory, path, flags, mode), (fd) =>
    requireFile(glibc.statHandle(fd), path),
  )
}

function createFile(directory: Fd, path: Path, mode: number): Fd {
  const flags = 2 | glibc.O_CREAT | glibc.O_EXCL
  return openBeneath(directory, path, flags, mode)
}

function readDirectory(directory: Fd, path: Path): Path[] {
  const fd = openBeneath(directory, path, glibc.O_DIRECTORY)
  try {
    return namesIn(fd, path)
  } finally {
    fs.closeSync(fd)
  }
}

function xattrsOf(place: Place): Xattr[] {
  try {
    const names = glibc.listXattrs(place).sort()
    return names.flatMap((name) => xattrOf(place, name))
  } catch (error) {
    if (isSystemError(error, 'EOPNOTSUPP', 'ENOSYS')) return []
    throw error
  }
}

/** Nothing, if it went away in between. */
function xattrOf(place: Place, name: Path): Xattr[] {
  try {
    return [{ name, value: glibc.getXattr(place, name) }]
  } catch (error) {
    if (isSystemError(error, 'ENODATA')) return []
    throw error
  }
}

function removeXattr(place: Place, name: Path): void {
  try {
    glibc.removeXattr(place, name)
  } catch (error) {
    if (!isSystemError(error, 'ENODATA')) throw error
  }
}

function setXattrs(place: Place, wanted: Xattr[]): void {
  const found = xattrsOf(place)
  for (const { name } of found) {
    // The kernel's own labels can't be removed while a policy is loaded.
    if (KERNEL_LABELS.includes(name) || wanted.some((xattr) => xattr.name === name)) continue
    removeXattr(place, name)
  }
  for (const { name, value } of wanted) {
    const there = found.find((xattr) => xattr.name === name)
    if (!there || Buffer.compare(there.value, value) !== 0) glibc.setXattr(place, name, value)
  }
}

function setMetadata(directory: Fd, path: Path, metadata: Metadata): void {
  at(directory, path, (place) => {
    const { type } = glibc.stat(place)
    glibc.setOwner(place, metadata.uid, metadata.gid)
    if (type !== 'link') glibc.setMode(place, metadata.mode)
    setXattrs(place, metadata.xattrs)
    glibc.setModified(place, metadata.modified)
  })
}

function makeNode(
  directory: Fd,
  path: Path,
  type: 'char' | 'block' | 'fifo' | 'socket',
  major: number,
  minor: number,
): void {
  const format = { char: 0o020000, block: 0o060000, fifo: 0o010000, socket: 0o140000 }[type]
  at(directory, path, (place) => glibc.makeNode(place, format | 0o600, major, minor))
}

/** Two paths at once, for what moves or joins entries. */
function between(
  [source, sourcePath]: [Fd, Path],
  [target, targetPath]: [Fd, Path],
  use: (source: Place, target: Place) => void,
): void {
  at(source, sourcePath, (from) => at(target, targetPath, (to) => use(from, to)))
}

function copyFile(source: Fd, sourcePath: Path, target: Fd, targetPath: Path): void {
  const from = openRead(source, sourcePath)
  try {
    const to = createFile(target, targetPath, 0o600)
    try {
      if (!glibc.clone(from, to)) copyContent(from, to)
    } catch (error) {
      at(target, targetPath, (place) => glibc.remove(place, 0))
      throw error
    } finally {
      fs.closeSync(to)
    }
  } finally {
    fs.closeSync(from)
  }
}

function copyContent(from: Fd, to: Fd): void {
  const piece = new Uint8Array(PIECE)
  for (;;) {
    const count = read(from, piece, 0, PIECE)
    if (count === 0) return
    write(to, piece, 0, count)
  }
}

function read(
  fd: Fd,
  buffer: Uint8Array,
  offset: number,
  length: number,
  position?: number,
): number {
  checkWindow(buffer, offset, length)
  let count = 0
  while (count < length) {
    const from = position === undefined ? null : position + count
    const got = readOnce(fd, buffer.subarray(offset + count, offset + length), from)
    if (got === 0) break
    count += got
  }
  return count
}

/** Node gives up when a signal interrupts a read, though not in other calls. */
function readOnce(fd: Fd, window: Uint8Array, from: number | null): number {
  for (;;) {
    try {
      return converting('read', undefined, () => fs.readSync(fd, window, 0, window.length, from))
    } catch (error) {
      if (!isSystemError(error, 'EINTR')) throw error
    }
  }
}

function write(fd: Fd, buffer: Uint8Array, offset: number, length: number): void {
  checkWindow(buffer, offset, length)
  let count = 0
  while (count < length) {
    count += converting('write', undefined, () =>
      fs.writeSync(fd, buffer, offset + count, length - count),
    )
  }
}

function space(fd: Fd): { bytes: number; inodes: number; blockSize: number } {
  const found = converting('statvfs', undefined, () => {
    // A closed handle is EBADF, but its name in /proc would be ENOENT.
    fs.fstatSync(fd)
    return fs.statfsSync(`/proc/self/fd/${fd}`)
  })
  return {
    bytes: found.blocks === 0 ? Number.POSITIVE_INFINITY : found.bavail * found.bsize,
    inodes: found.files === 0 ? Number.POSITIVE_INFINITY : found.ffree,
    blockSize: found.bsize,
  }
}

function lock(fd: Fd, wait = false): boolean {
  try {
    glibc.lockExclusively(fd, wait)
    return true
  } catch (error) {
    if (isSystemError(error, 'EAGAIN')) return false
    throw error
  }
}

export const files: Files = {
  openRoot,
  openFile,
  openDirectory: (directory, path) => openBeneath(directory, path, glibc.O_DIRECTORY),
  openRead,
  createFile,
  openAppend,
  close: (fd) => converting('close', undefined, () => fs.closeSync(fd)),
  stat,
  statHandle: glibc.statHandle,
  readDirectory,
  readLink: (directory, path) => at(directory, path, glibc.readLink),
  readXattrs: (directory, path) => at(directory, path, xattrsOf),
  makeDirectory: (directory, path, mode) =>
    at(directory, path, (place) => glibc.makeDirectory(place, mode)),
  makeLink: (text, directory, path) => at(directory, path, (place) => glibc.makeLink(text, place)),
  makeNode,
  hardLink: (source, sourcePath, target, targetPath) =>
    between([source, sourcePath], [target, targetPath], glibc.hardLink),
  copyFile,
  setMetadata,
  rename: (source, sourcePath, target, targetPath) =>
    between([source, sourcePath], [target, targetPath], (from, to) => glibc.rename(from, to, 0)),
  exchange: (source, sourcePath, target, targetPath) =>
    between([source, sourcePath], [target, targetPath], (from, to) =>
      glibc.rename(from, to, glibc.RENAME_EXCHANGE),
    ),
  clearFlags,
  removeFile: (directory, path) => remove(directory, path, 0),
  removeTree,
  read,
  write,
  sync: (fd) => converting('fsync', undefined, () => fs.fsyncSync(fd)),
  syncFileSystem: glibc.syncFileSystem,
  space,
  diskTimes,
  isMount,
  detachMount: (directory, path) => at(directory, path, glibc.detachMount),
  lock,
  isTerminal: (fd) => tty.isatty(fd),
  terminalWidth: (fd) => glibc.terminalColumns(fd) || 80,
}
