/**
 * What a power cut leaves of a virtual disk.
 *
 * The disk as programs see it is a promise; the medium holds what was kept of it. Each operation first
 * is *pending*. What was synced survives. What is pending when the power goes may be there or
 * missing, in the ways that the model allows:
 *
 * In all models
 * - an operation on names happened as a whole or not at all: a rename never loses its file, an exchange
 *   is never half done. (Every file system that the laptop may have promises that much, except JFFS2.)
 * - metadata (names, owners, modes, times, attributes) and content are kept separately: a file may
 *   have its final name, size and time, and not its content.
 * - the content of a file that was written since its last sync is any of: as it was before; all of
 *   it; all but the last write; the last write torn, which is its first half, or zeros of the right
 *   length, as delayed allocation leaves them; zeros altogether.
 * - what no name leads to is gone, as after a file system check.
 *
 * `ordered` is ext4 with its default `data=ordered`, and UBIFS: metadata goes to a journal, so all
 * of it survives up to some moment, and nothing after that. A sync of anything commits the whole
 * journal, and the content of the one file that was synced; other contents stay pending.
 *
 * `jffs2` is `ordered`, but for its renames: the log gets the new name first and then, as an entry of
 * its own, that the old one is gone. A cut between the two leaves both names, of a directory as well,
 * and mounting does not mend that. (It can't exchange names: see the disk's option.)
 *
 * `weak` is the worst that POSIX permits: of pending operations any subset survives, whatever their
 * order. fsync of a file keeps its content and its own metadata, and not its name. fsync of a
 * directory keeps its own names (with what an operation did to a second directory), and those earlier
 * operations that had the same names in hand; it does not keep the directory's own name, nor anything
 * below. Only syncfs keeps all. Of several writes to one file the earlier may be lost as well, where a
 * later one survives.
 */
import { VirtualDisk } from '../virtual-disk.ts'
import type { Birth, InodeTable } from './inodes.ts'
import { apply, isNameOperation, type Operation, slotsOf } from './operations.ts'

export type CrashModel = 'ordered' | 'weak' | 'jffs2'

type Write = Extract<Operation, { kind: 'write' }>

/** What becomes of the pending writes of one file: `whole` of them are there, and the next one is torn. */
export interface ContentFate {
  inode: number
  whole: number
  rest: 'nothing' | 'half' | 'zeros' | 'all zeros' | 'late only'
}

/** One way in which a cut may end. */
export interface Choice {
  /** Which of the pending metadata operations survive, by their places. */
  kept: number[]
  contents: ContentFate[]
}

export class Medium {
  readonly model: CrashModel
  readonly #options: VirtualDisk['options']
  readonly #durable: InodeTable
  readonly #births = new Map<number, Birth>()
  #pending: Operation[] = []
  #writes = new Map<number, Write[]>()

  /** `start` is all on the medium. */
  constructor(start: VirtualDisk, model: CrashModel) {
    this.model = model
    this.#options = start.options
    this.#durable = start.table.clone()
  }

  /** Metadata operations that a cut now could lose. */
  get pending(): readonly Operation[] {
    return this.#pending
  }

  /** Files with writes that a cut now could lose, and how many. */
  get unwritten(): { inode: number; writes: number }[] {
    return [...this.#writes].map(([inode, writes]) => ({ inode, writes: writes.length }))
  }

  take(operation: Operation): void {
    switch (operation.kind) {
      case 'sync':
        if (this.model === 'weak') this.#keepOf(operation.inode)
        else this.#keepMetadata(() => true)
        this.#keepContent(operation.inode)
        return
      case 'sync-all':
        this.#keepMetadata(() => true)
        for (const inode of [...this.#writes.keys()]) this.#keepContent(inode)
        this.#births.clear()
        this.#durable.repair(this.#twins)
        return
      case 'write': {
        const writes = this.#writes.get(operation.inode) ?? []
        this.#writes.set(operation.inode, [...writes, operation])
        this.#pend({ kind: 'time', inode: operation.inode, time: operation.time })
        return
      }
      case 'make':
        this.#births.set(operation.birth.number, operation.birth)
        this.#pend(operation)
        return
      case 'rename':
        if (this.model === 'jffs2') this.#pendInTwo(operation)
        else this.#pend(operation)
        return
      default:
        this.#pend(operation)
    }
  }

  #pendInTwo({ source, target, inode, time }: Extract<Operation, { kind: 'rename' }>): void {
    this.#pend({ kind: 'link', slot: target, inode, time })
    this.#pend({ kind: 'remove', slot: source, inode, time })
  }

  /** Whether a directory may be found under two names. */
  get #twins(): boolean {
    return this.model === 'jffs2'
  }

  #pend(operation: Operation): void {
    const last = this.#pending.at(-1)
    // Each write sets the time again.
    if (operation.kind === 'time' && last?.kind === 'time' && last.inode === operation.inode) {
      this.#pending.pop()
    }
    this.#pending.push(operation)
  }

  #keepMetadata(survives: (operation: Operation) => boolean): void {
    const kept = this.#pending.filter(survives)
    this.#pending = this.#pending.filter((operation) => !survives(operation))
    this.#bear(this.#durable)
    for (const operation of kept) apply(this.#durable, operation)
  }

  /** The inodes that pending names may lead to, as they were when they were made. */
  #bear(table: InodeTable): void {
    for (const birth of this.#births.values()) if (!table.get(birth.number)) table.make(birth)
  }

  /** What fsync keeps in the weak model: the inode's own metadata, and the names in it. */
  #keepOf(inode: number): void {
    const kept = new Set<Operation>()
    const slots = new Set<string>()
    // Backwards: a surviving operation keeps the earlier ones on the same names.
    for (const operation of [...this.#pending].reverse()) {
      if (!isNameOperation(operation)) {
        if ('inode' in operation && operation.inode === inode) kept.add(operation)
        continue
      }
      const touched = slotsOf(operation).map(({ directory, name }) => `${directory}/${name}`)
      const own = slotsOf(operation).some(({ directory }) => directory === inode)
      if (!own && !touched.some((slot) => slots.has(slot))) continue
      kept.add(operation)
      for (const slot of touched) slots.add(slot)
    }
    this.#keepMetadata((operation) => kept.has(operation))
  }

  #keepContent(inode: number): void {
    this.#bear(this.#durable)
    for (const { offset, bytes } of this.#writes.get(inode) ?? []) {
      this.#durable.write(inode, offset, bytes)
    }
    this.#writes.delete(inode)
  }

  /** The disk that is found when the power comes back. */
  crash(choice: Choice): VirtualDisk {
    const table = this.#durable.clone()
    this.#bear(table)
    for (const place of choice.kept) apply(table, this.#pending[place] as Operation)
    for (const fate of choice.contents) tear(table, this.#writes.get(fate.inode) ?? [], fate)
    table.repair(this.#twins)
    return new VirtualDisk(this.#options, table)
  }
}

function tear(table: InodeTable, writes: Write[], { inode, whole, rest }: ContentFate): void {
  const { seconds = 0, nanoseconds = 0 } = table.get(inode) ?? {}
  if (rest === 'all zeros' || rest === 'late only') {
    for (const { offset, bytes } of writes) table.extend(inode, offset + bytes.length)
    const last = writes.at(-1)
    if (rest === 'late only' && last) table.write(inode, last.offset, last.bytes)
  } else {
    for (const { offset, bytes } of writes.slice(0, whole)) table.write(inode, offset, bytes)
    const next = writes[whole]
    if (next && rest === 'half') {
      table.write(inode, next.offset, next.bytes.subarray(0, next.bytes.length >> 1))
    }
    if (next && rest === 'zeros') table.extend(inode, next.offset + next.bytes.length)
  }
  // Times are metadata: they were decided on before.
  const found = table.own(inode)
  if (found) Object.assign(found, { seconds, nanoseconds })
}
