/**
 * What file system a disk holds, and its name: read from the few bytes that each kind keeps at its
 * own place. Pure over a reader. It proves nothing: only a mount does, and this says which mount to try.
 */
import { bytesOfArray, bytesOfText } from '../../text.ts'

export interface FileSystem {
  /** Types to mount it as, first choice first. */
  types: string[]
  /** In small letters; '' if there is none. */
  uuid: string
  /** A byte string, as UTF-8; '' if there is none. */
  label: string
}

/** Returns fewer bytes at the end of the disk. */
type ReadAt = (position: number, length: number) => Uint8Array

/** Enough to recognize any of these file systems (bytes): btrfs keeps its block at 64 KiB. */
const HEAD = 0x11000
/** How much of a FAT's first folder is read: the label is its first entry, or close to it (bytes). */
const FOLDER_HEAD = 4096

type Identify = (head: DataView, read: ReadAt) => FileSystem | undefined

export function identify(read: ReadAt): FileSystem | undefined {
  const bytes = new Uint8Array(HEAD)
  bytes.set(read(0, HEAD).subarray(0, HEAD))
  const head = new DataView(bytes.buffer)
  for (const kind of KINDS) {
    const found = kind(head, read)
    if (found) return found
  }
  return undefined
}

function ext(head: DataView): FileSystem | undefined {
  const at = 1024
  if (head.getUint16(at + 0x38, true) !== 0xef53) return undefined
  const hasJournal = (head.getUint32(at + 0x5c, true) & 0x4) !== 0
  // Extents, 64 bits, flexible groups: what only ext4 has.
  const isNew = (head.getUint32(at + 0x60, true) & 0x2c0) !== 0
  return {
    types: isNew ? ['ext4'] : hasJournal ? ['ext4', 'ext3'] : ['ext4', 'ext2'],
    uuid: uuidAt(head, at + 0x68),
    label: textAt(head, at + 0x78, 16),
  }
}

function btrfs(head: DataView): FileSystem | undefined {
  if (!hasAt(head, 0x10040, '_BHRfS_M')) return undefined
  return { types: ['btrfs'], uuid: uuidAt(head, 0x10020), label: textAt(head, 0x1012b, 256) }
}

function xfs(head: DataView): FileSystem | undefined {
  if (!hasAt(head, 0, 'XFSB')) return undefined
  return { types: ['xfs'], uuid: uuidAt(head, 32), label: textAt(head, 108, 12) }
}

function f2fs(head: DataView): FileSystem | undefined {
  if (head.getUint32(1024, true) !== 0xf2f52010) return undefined
  const label = wideTextAt(head, 1024 + 124, 512)
  return { types: ['f2fs'], uuid: uuidAt(head, 1024 + 108), label }
}

function jffs2(head: DataView): FileSystem | undefined {
  const magic = head.getUint16(0, true)
  return magic === 0x1985 || magic === 0x8519
    ? { types: ['jffs2'], uuid: '', label: '' }
    : undefined
}

function iso9660(head: DataView): FileSystem | undefined {
  if (!hasAt(head, 32769, 'CD001')) return undefined
  return { types: ['iso9660'], uuid: '', label: textAt(head, 32808, 32).trimEnd() }
}

function exfat(head: DataView, read: ReadAt): FileSystem | undefined {
  if (!hasAt(head, 3, 'EXFAT   ')) return undefined
  const [sectorShift, clusterShift] = [head.getUint8(0x6c), head.getUint8(0x6d)]
  const cluster = head.getUint32(0x60, true)
  const sector = head.getUint32(0x58, true) + (cluster - 2) * 2 ** clusterShift
  const entries = folderAt(read, sector * 2 ** sectorShift)
  let label = ''
  for (let at = 0; at + 32 <= entries.byteLength; at += 32) {
    const length = Math.min(11, entries.getUint8(at + 1))
    if (entries.getUint8(at) === 0x83) label = wideTextAt(entries, at + 2, length * 2)
  }
  return { types: ['exfat'], uuid: serialAt(head, 0x64), label }
}

/** Its mark alone is on every disk with a boot sector. */
function vfat(head: DataView, read: ReadAt): FileSystem | undefined {
  const isFat32 = hasAt(head, 0x52, 'FAT32   ')
  const isSmall = hasAt(head, 0x36, 'FAT1')
  if (head.getUint16(0x1fe, true) !== 0xaa55 || (!isFat32 && !isSmall)) return undefined
  const [sectorBytes, clusterSectors] = [head.getUint16(0x0b, true), head.getUint8(0x0d)]
  const tableSectors = isFat32 ? head.getUint32(0x24, true) : head.getUint16(0x16, true)
  const tables = head.getUint16(0x0e, true) + head.getUint8(0x10) * tableSectors
  const inCluster = isFat32 ? (head.getUint32(0x2c, true) - 2) * clusterSectors : 0
  const entries = folderAt(read, (tables + inCluster) * sectorBytes)
  // Windows writes the label only into the first folder; the boot sector may say NO NAME.
  let label = ''
  for (let at = 0; at + 32 <= entries.byteLength && entries.getUint8(at) !== 0; at += 32) {
    const isLabel = (entries.getUint8(at + 11) & 0x3f) === 0x08 && entries.getUint8(at) !== 0xe5
    if (isLabel) label = textAt(entries, at, 11).trimEnd()
  }
  if (label === '') label = textAt(head, isFat32 ? 0x47 : 0x2b, 11).trimEnd()
  return {
    types: ['vfat', 'msdos'],
    uuid: serialAt(head, isFat32 ? 0x43 : 0x27),
    label: label === 'NO NAME' ? '' : label,
  }
}

const KINDS: Identify[] = [ext, btrfs, xfs, f2fs, exfat, vfat, iso9660, jffs2]

function folderAt(read: ReadAt, position: number): DataView {
  if (!Number.isSafeInteger(position) || position < 0) return new DataView(new ArrayBuffer(0))
  const bytes = read(position, FOLDER_HEAD)
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function hasAt(view: DataView, at: number, text: string): boolean {
  return bytesOfArray(windowOf(view, at, text.length)) === text
}

function windowOf(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length)
}

function textAt(view: DataView, at: number, length: number): string {
  return bytesOfArray(windowOf(view, at, length)).split('\0', 1)[0] ?? ''
}

function wideTextAt(view: DataView, at: number, length: number): string {
  let text = ''
  for (let i = 0; i + 1 < length; i += 2) {
    const unit = view.getUint16(at + i, true)
    if (unit === 0) break
    text += String.fromCharCode(unit)
  }
  // Half a pair, as a broken disk may hold, has no bytes.
  return bytesOfText(
    text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '?'),
  )
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function uuidAt(view: DataView, at: number): string {
  const digits = hex(windowOf(view, at, 16))
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** Of FAT: four bytes, as blkid shows them. */
function serialAt(view: DataView, at: number): string {
  const digits = view.getUint32(at, true).toString(16).padStart(8, '0')
  return `${digits.slice(0, 4)}-${digits.slice(4)}`
}
