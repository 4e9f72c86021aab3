/**
 * The inodes of a virtual disk: what is on it, and how much room that takes. A table is cloned in
 * one cheap step, and the clones share what neither has changed since. Nothing here knows of paths,
 * handles or crashes.
 */
import type { FileType, Xattr } from 'native:files'

/** One table's claim on an inode or a content; a table without it copies before changing. */
type Owner = object

export interface Content {
  owner: Owner
  /** May be longer than `size`; what lies beyond is nothing. */
  bytes: Uint8Array
  size: number
}

export interface Inode {
  owner: Owner
  readonly number: number
  readonly type: FileType
  mode: number
  uid: number
  gid: number
  seconds: number
  nanoseconds: number
  /** Sorted by name; never changed in place. */
  xattrs: readonly Xattr[]
  /** Names that lead here. */
  links: number
  readonly major: number
  readonly minor: number
  /** Of a symlink. */
  readonly text: string
  /** Of a regular file. */
  content: Content | undefined
  /** Of a directory. */
  entries: Map<string, number> | undefined
}

/** What is known of an inode when it is born. */
export interface Birth {
  number: number
  type: FileType
  mode: number
  uid: number
  gid: number
  major: number
  minor: number
  text: string
  seconds: number
  nanoseconds: number
}

export const ROOT = 1

/** Bytes of one block: what the smallest file takes. */
export const BLOCK_SIZE = 4096

const EMPTY = new Uint8Array(0)

export class InodeTable {
  #owner: Owner = {}
  readonly #inodes: Map<number, Inode>
  #blocks: number

  constructor(inodes = new Map<number, Inode>(), blocks = 0) {
    this.#inodes = inodes
    this.#blocks = blocks
  }

  /** Blocks that all contents take. */
  get blocks(): number {
    return this.#blocks
  }

  get count(): number {
    return this.#inodes.size
  }

  /** From now on every change is made to a copy, so that what anybody saw stays as it was. */
  freeze(): void {
    this.#owner = {}
  }

  clone(): InodeTable {
    this.freeze()
    return new InodeTable(new Map(this.#inodes), this.#blocks)
  }

  get(number: number): Inode | undefined {
    return this.#inodes.get(number)
  }

  all(): IterableIterator<Inode> {
    return this.#inodes.values()
  }

  /** The inode, for changing it. */
  own(number: number): Inode | undefined {
    const inode = this.#inodes.get(number)
    if (inode === undefined || inode.owner === this.#owner) return inode
    const copy = { ...inode, owner: this.#owner }
    if (inode.entries) copy.entries = new Map(inode.entries)
    this.#inodes.set(number, copy)
    return copy
  }

  make(birth: Birth): void {
    const { type } = birth
    const content = type === 'file' ? { owner: this.#owner, bytes: EMPTY, size: 0 } : undefined
    const entries = type === 'dir' ? new Map<string, number>() : undefined
    const own = { owner: this.#owner, xattrs: [], links: 0, content, entries }
    this.#inodes.set(birth.number, { ...birth, ...own })
  }

  drop(number: number): void {
    const inode = this.#inodes.get(number)
    if (inode?.content) this.#blocks -= blocksOf(inode.content.size)
    this.#inodes.delete(number)
  }

  /** Gives a name of a directory to an inode, or takes it away; link counts follow. */
  setName(directory: number, name: string, number: number | undefined): void {
    const entries = this.own(directory)?.entries
    if (!entries) return
    const before = entries.get(name)
    if (before === number) return
    if (before !== undefined) this.#count(before, -1)
    if (number === undefined) entries.delete(name)
    else {
      entries.set(name, number)
      this.#count(number, 1)
    }
  }

  #count(number: number, change: number): void {
    const inode = this.own(number)
    if (inode) inode.links += change
  }

  write(number: number, offset: number, bytes: Uint8Array): void {
    const content = this.#contentToChange(number, offset + bytes.length)
    content?.bytes.set(bytes, offset)
  }

  /** Makes the file this long; what is new of it is zeros. */
  extend(number: number, size: number): void {
    this.#contentToChange(number, size)
  }

  /** The content with room for `sizeMin` bytes, owned by this table. */
  #contentToChange(number: number, sizeMin: number): Content | undefined {
    const inode = this.own(number)
    const { content } = inode ?? {}
    if (!inode || !content) return undefined
    const size = Math.max(content.size, sizeMin)
    this.#blocks += blocksOf(size) - blocksOf(content.size)
    if (content.owner === this.#owner && content.bytes.length >= size) {
      content.size = size
      return content
    }
    const grows = content.size > 0 && size > content.size
    const bytes = new Uint8Array(grows ? Math.max(size, content.bytes.length * 2) : size)
    bytes.set(content.bytes.subarray(0, content.size))
    inode.content = { owner: this.#owner, bytes, size }
    return inode.content
  }

  /**
   * What a file system check does after a crash: inodes without a name go, names without an inode
   * too, and link counts are made true. A directory has one place, so a second name of it goes, too,
   * unless `twins` says that nobody checks for that.
   */
  repair(twins = false): void {
    const links = new Map<number, number>([[ROOT, 1]])
    const reach = [ROOT]
    for (let next = reach.pop(); next !== undefined; next = reach.pop()) {
      for (const [name, number] of this.get(next)?.entries ?? []) {
        const inode = this.get(number)
        const known = links.get(number)
        const isTwin = known !== undefined && inode?.type === 'dir'
        if (!inode || (isTwin && !twins)) {
          this.own(next)?.entries?.delete(name)
          continue
        }
        links.set(number, (known ?? 0) + 1)
        if (inode.type === 'dir' && !isTwin) reach.push(number)
      }
    }
    for (const { number, links: counted } of [...this.all()]) {
      const found = links.get(number)
      if (found === undefined) this.drop(number)
      else if (found !== counted) {
        const inode = this.own(number)
        if (inode) inode.links = found
      }
    }
  }
}

export function blocksOf(size: number): number {
  return Math.ceil(size / BLOCK_SIZE)
}
