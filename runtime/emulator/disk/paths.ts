/**
 * From paths to inodes, by the rules of native:files: beneath a handle, through no symbolic link;
 * and by paths of the system, through all of them.
 */
import type { Fd, Path } from '../../../src/host.ts'
import type { VirtualDisk } from '../virtual-disk.ts'
import type { HandleTable } from './handles.ts'
import { type Inode, ROOT } from './inodes.ts'
import type { Slot } from './operations.ts'
import { type Code, systemError } from './system-error.ts'

/** A name, and what it leads to now. */
export interface Place {
  slot: Slot
  inode: number | undefined
}

interface Standing extends Place {
  inode: number
}

const NAME_MAX = 255
/** What the kernel's PATH_MAX leaves, with the NUL. */
const PATH_SIZE_MAX = 4096
/** Symbolic links that one path may go through. */
const LINKS_MAX = 40

export class Paths {
  readonly #disk: VirtualDisk
  readonly #handles: HandleTable

  constructor(disk: VirtualDisk, handles: HandleTable) {
    this.#disk = disk
    this.#handles = handles
  }

  checkBytes(path: Path): void {
    for (let i = 0; i < path.length; i++) {
      const unit = path.charCodeAt(i)
      if (unit === 0 || unit > 0xff) {
        throw new TypeError('not a byte string: every unit must be 0x01..0xff')
      }
    }
  }

  /** What stands at a path; throws ENOENT where nothing does. */
  inode(call: string, directory: Fd, path: Path): Inode {
    const start = this.#start(call, directory, path)
    if (path === '.') return start
    const { inode } = this.#place(call, start, path)
    if (inode === undefined) throw systemError(call, path, 'ENOENT')
    return this.#disk.inode(inode)
  }

  /** The same, but undefined if nothing has that name. */
  look(directory: Fd, path: Path): Inode | undefined {
    const start = this.#start('stat', directory, path)
    if (path === '.') return start
    try {
      const { inode } = this.#place('stat', start, path)
      return inode === undefined ? undefined : this.#disk.inode(inode)
    } catch (error) {
      const { code } = error as { code?: string }
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
      throw error
    }
  }

  /** The name at the end of a path, whether anything stands there or not. */
  place(call: string, directory: Fd, path: Path): Place {
    const start = this.#start(call, directory, path)
    if (lastName(path) === '.') return { slot: { directory: 0, name: '.' }, inode: start.number }
    return this.#place(call, start, path)
  }

  standing(directory: Fd, path: Path): Standing {
    if (lastName(path) === '.') throw systemError('unlink', path, 'EINVAL')
    const { slot, inode } = this.place('unlink', directory, path)
    if (inode === undefined) throw systemError('unlink', path, 'ENOENT')
    return { slot, inode }
  }

  /** Both ends of a rename. */
  two(source: [Fd, Path], target: [Fd, Path]): [Standing, Place] {
    if (lastName(source[1]) === '.') throw systemError('rename', target[1], 'EBUSY')
    if (lastName(target[1]) === '.') throw systemError('rename', target[1], 'EBUSY')
    const from = this.place('rename', ...source)
    const to = this.place('rename', ...target)
    const { inode } = from
    if (inode === undefined) throw systemError('rename', target[1], 'ENOENT')
    const moves = from.slot.directory !== to.slot.directory
    if (moves && this.#isBelow(to.slot.directory, inode)) {
      throw systemError('rename', target[1], 'EINVAL')
    }
    return [{ slot: from.slot, inode }, to]
  }

  /** By a path of the system, through symbolic links. */
  follow(path: Path): Inode {
    this.checkBytes(path)
    if (path === '') throw systemError('open', path, 'ENOENT')
    if (path.length >= PATH_SIZE_MAX) throw systemError('open', path, 'ENAMETOOLONG')
    const fails = (code: Code) => systemError('open', path, code)
    const names = path.split('/').reverse()
    const trail: Inode[] = [this.#disk.inode(ROOT)]
    let links = 0
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      const at = trail[trail.length - 1] as Inode
      if (at.type !== 'dir') throw fails('ENOTDIR')
      if (name === '' || name === '.') continue
      if (name === '..') {
        if (trail.length > 1) trail.pop()
        continue
      }
      if (name.length > NAME_MAX) throw fails('ENAMETOOLONG')
      const number = at.entries?.get(name)
      if (number === undefined) throw fails('ENOENT')
      const next = this.#disk.inode(number)
      if (next.type === 'link') {
        if (++links > LINKS_MAX) throw fails('ELOOP')
        if (next.text.startsWith('/')) trail.length = 1
        names.push(...next.text.split('/').reverse())
      } else trail.push(next)
    }
    return trail[trail.length - 1] as Inode
  }

  #start(call: string, directory: Fd, path: Path): Inode {
    this.checkBytes(path)
    const names = path.split('/')
    let code: Code | undefined
    if (names.includes('')) code = 'EINVAL'
    if (names.includes('..') || path.startsWith('/')) code = 'EXDEV'
    if (path === '') code = 'ENOENT'
    if (path.length >= PATH_SIZE_MAX) code = 'ENAMETOOLONG'
    if (code) throw systemError('open', path, code)
    const inode = this.#disk.inode(this.#handles.get(call, directory, path).inode)
    if (inode.type !== 'dir') throw systemError(call, path, 'ENOTDIR')
    return inode
  }

  #place(call: string, start: Inode, path: Path): Place {
    const names = path.split('/')
    const last = names.pop() as string
    let at = start
    for (const name of names) {
      const number = this.#child(call, at, name, path)
      if (number === undefined) throw systemError(call, path, 'ENOENT')
      at = this.#disk.inode(number)
      if (at.type === 'link') throw systemError(call, path, 'ELOOP')
      if (at.type !== 'dir') throw systemError(call, path, 'ENOTDIR')
    }
    return { slot: { directory: at.number, name: last }, inode: this.#child(call, at, last, path) }
  }

  #child(call: string, at: Inode, name: string, path: Path): number | undefined {
    if (name === '.') return at.number
    if (name.length > NAME_MAX) throw systemError(call, path, 'ENAMETOOLONG')
    return at.entries?.get(name)
  }

  #isBelow(directory: number, ancestor: number): boolean {
    if (directory === ancestor) return true
    if (this.#disk.inode(ancestor).type !== 'dir') return false
    for (const inode of this.#disk.inode(ancestor).entries?.values() ?? []) {
      if (this.#disk.table.get(inode)?.type === 'dir' && this.#isBelow(directory, inode))
        return true
    }
    return false
  }
}

const lastName = (path: Path) => path.slice(path.lastIndexOf('/') + 1)
