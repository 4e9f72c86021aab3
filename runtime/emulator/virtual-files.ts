/**
 * native:files over a virtual disk: paths, handles and their rules, as the C side has them. Each call
 * of the kernel that the C side would make is one operation of the disk, in the same order. It must
 * throw the same SystemErrors, and leave the same things behind when a call fails half way.
 */
import type { FileType } from 'native:files'
import { checkWindow } from '../../native/window.node.ts'
import { type DiskTimes, EVERY_TIME } from '../../src/disk-times.ts'
import type { Fd, Files, Metadata, Path, Stat, Xattr } from '../../src/host.ts'
import { HandleTable } from './disk/handles.ts'
import { type Inode, ROOT } from './disk/inodes.ts'
import type { Slot } from './disk/operations.ts'
import { Paths, type Place } from './disk/paths.ts'
import { systemError } from './disk/system-error.ts'
import type { VirtualDisk } from './virtual-disk.ts'

/** What the kernel takes off the modes of new files and directories. */
const UMASK = 0o022
/** Content of one write or copy step, as the C side has it. */
const PIECE = 1024 * 1024

interface FilesOptions {
  /** How many handles may be open at once. */
  handlesMax?: number
}

/** One process' view of the disk; its handles are its own. */
export function virtualFiles(disk: VirtualDisk, options: FilesOptions = {}): Files {
  const calls = new Calls(disk, new HandleTable(disk, options.handlesMax ?? 1024))
  const names = Object.getOwnPropertyNames(Calls.prototype) as (keyof Calls)[]
  const bound = names
    .filter((name) => (name as string) !== 'constructor')
    .map((name) => [name, (calls[name] as (...words: unknown[]) => unknown).bind(calls)])
  return Object.fromEntries(bound) as Files
}

/** Every public method is a function of native:files. */
class Calls {
  readonly #disk: VirtualDisk
  readonly #handles: HandleTable
  readonly #paths: Paths

  constructor(disk: VirtualDisk, handles: HandleTable) {
    this.#disk = disk
    this.#handles = handles
    this.#paths = new Paths(disk, handles)
  }

  openRoot(path: Path): Fd {
    const inode = this.#paths.follow(path)
    if (inode.type !== 'dir') throw systemError('open', path, 'ENOTDIR')
    return this.#handles.open(inode.number, path, {})
  }

  openFile(path: Path): Fd {
    const inode = this.#paths.follow(path)
    if (inode.type !== 'fifo') requireFile(inode.type, path)
    return this.#handles.open(inode.number, path, {})
  }

  openDirectory(directory: Fd, path: Path): Fd {
    return this.#handles.open(this.#directory(directory, path).number, path, {})
  }

  openRead(directory: Fd, path: Path): Fd {
    const inode = this.#paths.inode('open', directory, path)
    requireFile(inode.type, path)
    return this.#handles.open(inode.number, path, {})
  }

  createFile(directory: Fd, path: Path, mode: number): Fd {
    const place = this.#paths.place('open', directory, path)
    if (place.inode !== undefined) throw systemError('open', path, 'EEXIST')
    this.#handles.checkRoom(path)
    const number = this.#disk.make(place.slot, 'file', { mode: mode & ~UMASK }, path)
    return this.#handles.open(number, path, { writable: true })
  }

  openAppend(directory: Fd, path: Path, mode: number): Fd {
    const place = this.#paths.place('open', directory, path)
    this.#handles.checkRoom(path)
    let number = place.inode
    if (number === undefined) {
      number = this.#disk.make(place.slot, 'file', { mode: mode & ~UMASK }, path)
    } else requireFile(this.#disk.inode(number).type, path)
    return this.#handles.open(number, path, { writable: true, append: true })
  }

  close(fd: Fd): void {
    this.#handles.close(fd)
  }

  stat(directory: Fd, path: Path): Stat | undefined {
    const inode = this.#paths.look(directory, path)
    return inode && statOf(inode)
  }

  statHandle(fd: Fd): Stat {
    return statOf(this.#disk.inode(this.#handles.get('stat', fd).inode))
  }

  readDirectory(directory: Fd, path: Path): Path[] {
    return [...(this.#directory(directory, path).entries?.keys() ?? [])].sort()
  }

  readLink(directory: Fd, path: Path): Path {
    const inode = this.#paths.inode('readlink', directory, path)
    if (inode.type !== 'link') throw systemError('readlink', path, 'EINVAL')
    return inode.text
  }

  readXattrs(directory: Fd, path: Path): Xattr[] {
    const { xattrs } = this.#paths.inode('listxattr', directory, path)
    return xattrs.map(({ name, value }) => ({ name, value: value.slice() }))
  }

  makeDirectory(directory: Fd, path: Path, mode: number): void {
    this.#make('mkdir', directory, path, 'dir', { mode: mode & ~UMASK })
  }

  makeLink(text: Path, directory: Fd, path: Path): void {
    this.#paths.checkBytes(text)
    if (text === '') throw systemError('symlink', path, 'ENOENT')
    if (text.length > 4095) throw systemError('symlink', path, 'ENAMETOOLONG')
    this.#make('symlink', directory, path, 'link', { mode: 0o777, text })
  }

  makeNode(
    directory: Fd,
    path: Path,
    type: 'char' | 'block' | 'fifo' | 'socket',
    major: number,
    minor: number,
  ): void {
    const numbers = type === 'char' || type === 'block' ? { major, minor } : {}
    this.#make('mknod', directory, path, type, { mode: 0o600 & ~UMASK, ...numbers })
  }

  hardLink(source: Fd, sourcePath: Path, target: Fd, targetPath: Path): void {
    const inode = this.#paths.inode('link', source, sourcePath)
    const { slot, inode: standing } = this.#paths.place('link', target, targetPath)
    if (standing !== undefined) throw systemError('link', targetPath, 'EEXIST')
    if (inode.type === 'dir') throw systemError('link', targetPath, 'EPERM')
    this.#disk.link(slot, inode.number)
  }

  copyFile(source: Fd, sourcePath: Path, target: Fd, targetPath: Path): void {
    const from = this.openRead(source, sourcePath)
    try {
      const to = this.createFile(target, targetPath, 0o600)
      try {
        const piece = new Uint8Array(PIECE)
        for (let count = 1; count > 0; ) {
          count = this.read(from, piece, 0, PIECE)
          if (count > 0) this.write(to, piece, 0, count)
        }
      } catch (error) {
        this.removeFile(target, targetPath)
        throw error
      } finally {
        this.close(to)
      }
    } finally {
      this.close(from)
    }
  }

  setMetadata(directory: Fd, path: Path, metadata: Metadata): void {
    const { number: inode, type, mode, xattrs } = this.#paths.inode('chown', directory, path)
    const { uid, gid, modified } = metadata
    // chown takes set-uid and set-gid away from what can be executed, and capabilities from any file.
    const kept = type === 'file' ? mode & ~0o6000 : mode
    this.#disk.perform({ kind: 'owner', inode, uid, gid, mode: kept })
    const capability = xattrs.find(({ name }) => name === 'security.capability')
    if (capability) {
      this.#disk.perform({ kind: 'xattr', inode, name: capability.name, value: undefined })
    }
    if (type !== 'link') this.#disk.perform({ kind: 'mode', inode, mode: metadata.mode & 0o7777 })
    for (const { name } of this.#disk.inode(inode).xattrs) {
      if (metadata.xattrs.some((wanted) => wanted.name === name)) continue
      this.#disk.perform({ kind: 'xattr', inode, name, value: undefined })
    }
    for (const { name, value } of metadata.xattrs) {
      const there = this.#disk.inode(inode).xattrs.find((xattr) => xattr.name === name)
      if (there && sameBytes(there.value, value)) continue
      this.#disk.perform({ kind: 'xattr', inode, name, value })
    }
    this.#disk.perform({ kind: 'time', inode, time: modified })
  }

  rename(source: Fd, sourcePath: Path, target: Fd, targetPath: Path): void {
    const [from, to] = this.#paths.two([source, sourcePath], [target, targetPath])
    const inode = this.#disk.inode(from.inode)
    if (to.inode === from.inode) return
    if (to.inode !== undefined) {
      const standing = this.#disk.inode(to.inode)
      if (inode.type === 'dir' && standing.type !== 'dir') {
        throw systemError('rename', targetPath, 'ENOTDIR')
      }
      if (inode.type !== 'dir' && standing.type === 'dir') {
        throw systemError('rename', targetPath, 'EISDIR')
      }
      if (standing.entries && standing.entries.size > 0) {
        throw systemError('rename', targetPath, 'ENOTEMPTY')
      }
    }
    this.#disk.rename(from.slot, to.slot, from.inode, to.inode)
  }

  exchange(source: Fd, sourcePath: Path, target: Fd, targetPath: Path): void {
    const [from, to] = this.#paths.two([source, sourcePath], [target, targetPath])
    if (!this.#disk.options.exchange) throw systemError('rename', targetPath, 'EINVAL')
    if (to.inode === undefined) throw systemError('rename', targetPath, 'ENOENT')
    if (to.inode === from.inode) return
    this.#disk.exchange(from.slot, to.slot, from.inode, to.inode)
  }

  removeFile(directory: Fd, path: Path): void {
    const place = this.#paths.standing(directory, path)
    this.#unlink(place.slot, place.inode, path)
  }

  /** It is one disk, and nothing is mounted on it. */
  isMount(directory: Fd, path: Path): boolean {
    this.#paths.standing(directory, path)
    return false
  }

  detachMount(_directory: Fd, path: Path): void {
    throw systemError('umount', path, 'EINVAL')
  }

  diskTimes(_directory: Fd): DiskTimes {
    return EVERY_TIME
  }

  /** The virtual disk knows no flags. */
  clearFlags(_directory: Fd, _path: Path): boolean {
    return false
  }

  removeTree(directory: Fd, path: Path): void {
    if (!this.#paths.look(directory, path)) return
    const { slot, inode } = this.#paths.standing(directory, path)
    this.#removeAll(slot, inode, path)
  }

  read(fd: Fd, buffer: Uint8Array, offset: number, length: number, position?: number): number {
    checkWindow(buffer, offset, length)
    const handle = this.#handles.get('read', fd)
    const { content, type } = this.#disk.inode(handle.inode)
    if (type === 'dir') throw systemError('read', undefined, 'EISDIR')
    const from = position ?? handle.position
    const size = content?.size ?? 0
    const count = Math.max(0, Math.min(length, size - from))
    if (content && count > 0) buffer.set(content.bytes.subarray(from, from + count), offset)
    if (position === undefined) handle.position += count
    return count
  }

  write(fd: Fd, buffer: Uint8Array, offset: number, length: number): void {
    checkWindow(buffer, offset, length)
    const handle = this.#handles.get('write', fd)
    if (!handle.writable) throw systemError('write', undefined, 'EBADF')
    for (let done = 0; done < length; ) {
      const count = Math.min(PIECE, length - done)
      const { content } = this.#disk.inode(handle.inode)
      const from = handle.append ? (content?.size ?? 0) : handle.position
      const piece = buffer.subarray(offset + done, offset + done + count)
      this.#disk.write(handle.inode, from, piece)
      handle.position = from + count
      done += count
    }
  }

  sync(fd: Fd): void {
    this.#disk.perform({ kind: 'sync', inode: this.#handles.get('fsync', fd).inode })
  }

  syncFileSystem(fd: Fd): void {
    this.#handles.get('syncfs', fd)
    this.#disk.perform({ kind: 'sync-all' })
  }

  space(fd: Fd): { bytes: number; inodes: number; blockSize: number } {
    this.#handles.get('statvfs', fd)
    return this.#disk.space()
  }

  lock(fd: Fd): boolean {
    const handle = this.#handles.get('flock', fd)
    const holder = this.#disk.locks.get(handle.inode)
    if (holder !== undefined && holder !== handle) return false
    this.#disk.locks.set(handle.inode, handle)
    return true
  }

  isTerminal(_fd: Fd): boolean {
    return false
  }

  terminalWidth(_fd: Fd): number {
    return 80
  }

  #directory(directory: Fd, path: Path): Inode {
    const inode = this.#paths.inode('open', directory, path)
    if (inode.type === 'link') throw systemError('open', path, 'ELOOP')
    if (inode.type !== 'dir') throw systemError('open', path, 'ENOTDIR')
    return inode
  }

  #make(
    call: string,
    directory: Fd,
    path: Path,
    type: FileType,
    facts: { mode: number; text?: string; major?: number; minor?: number },
  ): void {
    const place: Place = this.#paths.place(call, directory, path)
    if (place.inode !== undefined) throw systemError(call, path, 'EEXIST')
    this.#disk.make(place.slot, type, facts, path)
  }

  #unlink(slot: Slot, inode: number, path: Path): void {
    if (this.#disk.inode(inode).type === 'dir') throw systemError('unlink', path, 'EISDIR')
    this.#disk.remove(slot, inode)
  }

  #rmdir(slot: Slot, inode: number, path: Path): void {
    const { entries } = this.#disk.inode(inode)
    if (!entries) throw systemError('rmdir', path, 'ENOTDIR')
    if (entries.size > 0) throw systemError('rmdir', path, 'ENOTEMPTY')
    if (inode === ROOT) throw systemError('rmdir', path, 'EBUSY')
    this.#disk.remove(slot, inode)
  }

  #removeAll(slot: Slot, inode: number, path: Path): void {
    const { entries } = this.#disk.inode(inode)
    if (!entries) {
      this.#unlink(slot, inode, path)
      return
    }
    for (const [name, number] of [...entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
      this.#removeAll({ directory: inode, name }, number, `${path}/${name}`)
    }
    this.#rmdir(slot, inode, path)
  }
}

function requireFile(type: FileType, path: Path): void {
  if (type === 'file') return
  const code = type === 'dir' ? 'EISDIR' : type === 'link' ? 'ELOOP' : 'EINVAL'
  throw systemError('open', path, code)
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index])
}

function statOf(inode: Inode): Stat {
  const { type, mode, uid, gid, seconds, nanoseconds, major, minor, links, content, text } = inode
  return {
    type,
    mode,
    uid,
    gid,
    size: content?.size ?? text.length,
    occupied: Math.ceil((content?.size ?? 0) / 4096) * 4096,
    // Of a directory one, as btrfs and overlays have it.
    links: type === 'dir' ? 1 : links,
    modified: { seconds, nanoseconds },
    major,
    minor,
    identity: `virtual:${inode.number}`,
  }
}
