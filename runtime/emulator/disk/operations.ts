/**
 * The operations of a virtual disk: each changes it in one step that a power cut can't split, and is
 * plain facts, so that it can be recorded, shown, and applied to another table. What an operation says
 * is absolute ("this name leads to that inode"), so that a later one holds without those before it.
 */
import { bytesOfArray } from '../../../src/text.ts'
import type { Birth, InodeTable } from './inodes.ts'

/** A name in a directory. */
export interface Slot {
  directory: number
  name: string
}

export interface When {
  seconds: number
  nanoseconds: number
}

export type Operation =
  /** An inode is born under a name. */
  | { kind: 'make'; slot: Slot; birth: Birth; time: When }
  | { kind: 'link'; slot: Slot; inode: number; time: When }
  | { kind: 'remove'; slot: Slot; inode: number; time: When }
  | { kind: 'rename'; source: Slot; target: Slot; inode: number; time: When }
  | { kind: 'exchange'; source: Slot; target: Slot; inode: number; other: number; time: When }
  | { kind: 'write'; inode: number; offset: number; bytes: Uint8Array; time: When }
  | { kind: 'owner'; inode: number; uid: number; gid: number; mode: number }
  | { kind: 'mode'; inode: number; mode: number }
  | { kind: 'xattr'; inode: number; name: string; value: Uint8Array | undefined }
  | { kind: 'time'; inode: number; time: When }
  | { kind: 'sync'; inode: number }
  | { kind: 'sync-all' }

/** Operations that change which names there are. */
type NameOperation = Extract<
  Operation,
  { kind: 'make' | 'link' | 'remove' | 'rename' | 'exchange' }
>

export function isNameOperation(operation: Operation): operation is NameOperation {
  return ['make', 'link', 'remove', 'rename', 'exchange'].includes(operation.kind)
}

/** The names that an operation changes, each with the inode that it leads to afterwards. */
export function slotsOf(operation: NameOperation): (Slot & { inode: number | undefined })[] {
  switch (operation.kind) {
    case 'make':
      return [{ ...operation.slot, inode: operation.birth.number }]
    case 'link':
      return [{ ...operation.slot, inode: operation.inode }]
    case 'remove':
      return [{ ...operation.slot, inode: undefined }]
    case 'rename':
      return [
        { ...operation.source, inode: undefined },
        { ...operation.target, inode: operation.inode },
      ]
    case 'exchange':
      return [
        { ...operation.source, inode: operation.other },
        { ...operation.target, inode: operation.inode },
      ]
  }
}

/** Applies an operation, passing over what doesn't exist in this table. */
export function apply(table: InodeTable, operation: Operation): void {
  if (isNameOperation(operation)) {
    if (operation.kind === 'make' && !table.get(operation.birth.number)) table.make(operation.birth)
    for (const { directory, name, inode } of slotsOf(operation)) {
      table.setName(directory, name, inode)
      touch(table, directory, operation.time)
    }
    return
  }
  switch (operation.kind) {
    case 'write':
      table.write(operation.inode, operation.offset, operation.bytes)
      touch(table, operation.inode, operation.time)
      return
    case 'time':
      touch(table, operation.inode, operation.time)
      return
    case 'owner':
    case 'mode':
      setOwnerAndMode(table, operation)
      return
    case 'xattr':
      setXattr(table, operation.inode, operation.name, operation.value)
  }
}

function touch(table: InodeTable, number: number, { seconds, nanoseconds }: When): void {
  const inode = table.own(number)
  if (inode) Object.assign(inode, { seconds, nanoseconds })
}

function setOwnerAndMode(
  table: InodeTable,
  { inode: number, mode, uid, gid }: { inode: number; mode: number; uid?: number; gid?: number },
): void {
  const inode = table.own(number)
  if (!inode) return
  inode.mode = mode
  inode.uid = uid ?? inode.uid
  inode.gid = gid ?? inode.gid
}

function setXattr(
  table: InodeTable,
  number: number,
  name: string,
  value: Uint8Array | undefined,
): void {
  const inode = table.own(number)
  if (!inode) return
  const others = inode.xattrs.filter((xattr) => xattr.name !== name)
  const all = value === undefined ? others : [...others, { name, value: value.slice() }]
  inode.xattrs = all.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** One line for people. */
export function describeOperation(operation: Operation): string {
  const at = ({ directory, name }: Slot) => `${directory}/${JSON.stringify(name)}`
  switch (operation.kind) {
    case 'make':
      return `make ${operation.birth.type} #${operation.birth.number} at ${at(operation.slot)}`
    case 'link':
    case 'remove':
      return `${operation.kind} #${operation.inode} at ${at(operation.slot)}`
    case 'rename':
    case 'exchange':
      return (
        `${operation.kind} #${operation.inode} from ${at(operation.source)} ` +
        `to ${at(operation.target)}`
      )
    case 'write': {
      const start = JSON.stringify(bytesOfArray(operation.bytes.subarray(0, 24)))
      const { inode, offset, bytes } = operation
      return `write #${inode} at ${offset}, ${bytes.length} bytes: ${start}`
    }
    case 'owner':
      return `owner of #${operation.inode}: ${operation.uid}:${operation.gid}`
    case 'mode':
      return `mode of #${operation.inode}: ${operation.mode.toString(8)}`
    case 'xattr':
      return `xattr of #${operation.inode}: ${operation.name}`
    case 'time':
      return `time of #${operation.inode}: ${operation.time.seconds}`
    case 'sync':
      return `sync #${operation.inode}`
    case 'sync-all':
      return 'sync all'
  }
}
