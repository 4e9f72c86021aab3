/**
 * A disk that exists only in memory: the part of a kernel below the system calls. It performs
 * operations on inodes, accounts for space and open inodes, and records what it did for the crash
 * model. It depends on nothing of Node's, so that it also runs in a browser; paths and handles are
 * left to virtual-files.ts.
 */
import type { FileType } from 'native:files'
import type { Time } from '../../src/host.ts'
import { BLOCK_SIZE, blocksOf, type Inode, InodeTable, ROOT } from './disk/inodes.ts'
import { apply, type Operation, type Slot, type When } from './disk/operations.ts'
import { systemError } from './disk/system-error.ts'

export interface DiskOptions {
  /** Room for contents. */
  bytes?: number
  inodes?: number
  /** False: renameat2 refuses to exchange names, as JFFS2's does. */
  exchange?: boolean
  /** Undefined: a clock of the disk's own, which advances by a millisecond per operation. */
  now?: (() => Time) | undefined
}

/** 2023-11-14T22:13:20Z: when the disk's own clock begins. */
const CLOCK_START_SECONDS = 1_700_000_000

export class VirtualDisk {
  readonly table: InodeTable
  readonly options: Required<DiskOptions>
  /** Called before each operation, and may throw: then it never happens. */
  before: ((operation: Operation) => void) | undefined
  /** When something was last changed, by the clock of then. */
  changedSeconds = 0
  #nextInode: number
  #operations = 0
  /** Inodes with open handles; they outlive their last name. */
  readonly #open = new Map<number, number>()
  /** Which holder has the lock of an inode. */
  readonly locks = new Map<number, object>()

  constructor(options: DiskOptions = {}, table?: InodeTable) {
    this.options = {
      bytes: options.bytes ?? 64 * 1024 * 1024,
      inodes: options.inodes ?? 1_000_000,
      exchange: options.exchange ?? true,
      now: options.now,
    }
    this.table = table ?? new InodeTable()
    if (!table) {
      const when = { seconds: CLOCK_START_SECONDS, nanoseconds: 0 }
      const birth = { number: ROOT, type: 'dir' as const, mode: 0o755, uid: 0, gid: 0, major: 0 }
      this.table.make({ ...birth, minor: 0, text: '', ...when })
      const root = this.table.own(ROOT)
      if (root) root.links = 1
    }
    this.#nextInode = ROOT + 1
    for (const { number } of this.table.all()) {
      if (number >= this.#nextInode) this.#nextInode = number + 1
    }
  }

  /** The same disk with nothing open: what another machine would see of it now. */
  snapshot(): VirtualDisk {
    return new VirtualDisk(this.options, this.table.clone())
  }

  /** Operations performed so far. */
  get operations(): number {
    return this.#operations
  }

  inode(number: number): Inode {
    const inode = this.table.get(number)
    if (!inode) throw systemError('stat', undefined, 'ENOENT')
    return inode
  }

  space(): { bytes: number; inodes: number; blockSize: number } {
    const bytes = Math.max(0, this.options.bytes - this.table.blocks * BLOCK_SIZE)
    const inodes = Math.max(0, this.options.inodes - this.table.count)
    return { bytes, inodes, blockSize: BLOCK_SIZE }
  }

  perform(operation: Operation): void {
    this.before?.(operation)
    this.#operations++
    // An operation of kind `time` sets one of long ago.
    if ('time' in operation && operation.kind !== 'time') {
      this.changedSeconds = operation.time.seconds
    }
    apply(this.table, operation)
  }

  make(
    slot: Slot,
    type: FileType,
    facts: { mode: number; text?: string; major?: number; minor?: number },
    path: string,
  ): number {
    const call = CALLS[type] ?? 'mknod'
    if (this.space().inodes < 1) throw systemError(call, path, 'ENOSPC')
    // A long link text needs a block; a short one is kept in the inode.
    const time = this.now()
    const number = this.#nextInode++
    const { mode, text = '', major = 0, minor = 0 } = facts
    const birth = { number, type, mode, uid: 0, gid: 0, major, minor, text, ...time }
    this.perform({ kind: 'make', slot, birth, time })
    return number
  }

  link(slot: Slot, inode: number): void {
    this.perform({ kind: 'link', slot, inode, time: this.now() })
  }

  remove(slot: Slot, inode: number): void {
    this.perform({ kind: 'remove', slot, inode, time: this.now() })
    this.#release(inode)
  }

  rename(source: Slot, target: Slot, inode: number, replaced: number | undefined): void {
    this.perform({ kind: 'rename', source, target, inode, time: this.now() })
    if (replaced !== undefined) this.#release(replaced)
  }

  exchange(source: Slot, target: Slot, inode: number, other: number): void {
    this.perform({ kind: 'exchange', source, target, inode, other, time: this.now() })
  }

  /** All of it, or as much as there is room for: then ENOSPC, as write(2) does in the end. */
  write(inode: number, offset: number, bytes: Uint8Array): void {
    const { size } = this.inode(inode).content ?? { size: 0 }
    const room = this.options.bytes / BLOCK_SIZE - this.table.blocks + blocksOf(size)
    const fits = Math.max(0, Math.floor(room) * BLOCK_SIZE - offset)
    const time = this.now()
    const part = bytes.slice(0, Math.max(0, Math.min(bytes.length, fits)))
    if (part.length > 0) this.perform({ kind: 'write', inode, offset, bytes: part, time })
    if (part.length < bytes.length) throw systemError('write', undefined, 'ENOSPC')
  }

  open(inode: number): void {
    this.#open.set(inode, (this.#open.get(inode) ?? 0) + 1)
  }

  close(inode: number, holder: object): void {
    if (this.locks.get(inode) === holder) this.locks.delete(inode)
    const count = (this.#open.get(inode) ?? 1) - 1
    if (count > 0) {
      this.#open.set(inode, count)
      return
    }
    this.#open.delete(inode)
    this.#release(inode)
  }

  /** Frees an inode that nothing leads to any more. */
  #release(inode: number): void {
    const found = this.table.get(inode)
    if (found && found.links === 0 && !this.#open.has(inode)) this.table.drop(inode)
  }

  now(): When {
    if (this.options.now) return this.options.now()
    const milliseconds = this.#operations
    return {
      seconds: CLOCK_START_SECONDS + Math.floor(milliseconds / 1000),
      nanoseconds: (milliseconds % 1000) * 1_000_000,
    }
  }
}

const CALLS: Partial<Record<FileType, string>> = { file: 'open', dir: 'mkdir', link: 'symlink' }
