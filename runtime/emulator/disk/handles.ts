/** The open handles of one process: which inode each is of, and its position. */
import type { Fd } from '../../../src/host.ts'
import type { VirtualDisk } from '../virtual-disk.ts'
import { systemError } from './system-error.ts'

interface Handle {
  inode: number
  position: number
  writable: boolean
  append: boolean
}

/** 0 to 2 are the terminal's. */
const FIRST = 3

export class HandleTable {
  readonly #disk: VirtualDisk
  readonly #handlesMax: number
  readonly #handles = new Map<Fd, Handle>()

  constructor(disk: VirtualDisk, handlesMax: number) {
    this.#disk = disk
    this.#handlesMax = handlesMax
  }

  checkRoom(path: string): void {
    if (this.#handles.size + FIRST >= this.#handlesMax) throw systemError('open', path, 'EMFILE')
  }

  open(inode: number, path: string, flags: { writable?: boolean; append?: boolean }): Fd {
    this.checkRoom(path)
    let fd = FIRST
    while (this.#handles.has(fd)) fd++
    const { writable = false, append = false } = flags
    this.#handles.set(fd, { inode, position: 0, writable, append })
    this.#disk.open(inode)
    return fd
  }

  get(call: string, fd: Fd, path?: string): Handle {
    const handle = this.#handles.get(fd)
    if (!handle) throw systemError(call, path, 'EBADF')
    return handle
  }

  close(fd: Fd): void {
    const handle = this.get('close', fd)
    this.#handles.delete(fd)
    this.#disk.close(handle.inode, handle)
  }
}
