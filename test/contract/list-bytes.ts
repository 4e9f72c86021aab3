/**
 * An encoder of rsync's file lists (flist.c send_file_entry) for the contract suites, written from the
 * protocol's description alone, and the order that both sides sort a list into.
 */
import { arrayOfBytes } from '../../src/text.ts'
import { join } from './sample-bytes.ts'
import { int32 } from './token-streams.ts'

export interface ListedEntry {
  name: string
  mode: number
  size: number
  modifiedSeconds: number
  nanoseconds?: number
  uid?: number
  gid?: number
  /** Of devices. */
  major?: number
  minor?: number
  /** Of symbolic links. */
  link?: string
}

export interface ListFormat {
  protocol: number
  varintFlags: boolean
}

export const isDir = (mode: number) => (mode & 0o170000) === 0o040000

/** rsync io.c write_varlong; a varint is one of at least one byte. */
export function variable(value: number | bigint, lengthMin: number, bits = 64): number[] {
  // Not BigInt.asUintN: QuickJS 2025-04-26 hands a negative number back as it is for 64 bits.
  let rest = BigInt(value) + (value < 0 ? 1n << BigInt(bits) : 0n)
  const bytes: number[] = []
  while (rest > 0n || bytes.length < lengthMin) {
    bytes.push(Number(rest & 0xffn))
    rest >>= 8n
  }
  const extra = bytes.length - lengthMin
  const ones = (count: number) => (0xff00 >> count) & 0xff
  const top = bytes.at(-1) as number
  if (top < 1 << (7 - extra)) return [ones(extra) | top, ...bytes.slice(0, -1)]
  return [ones(extra + 1), ...bytes]
}

export const varint = (value: number) => variable(value, 1, 32)

/** Encodes entries in the order given, with every shortening that rsync's own writer uses. */
export class ListEncoder {
  private previous: ListedEntry | undefined

  constructor(private readonly format: ListFormat) {}

  entry(entry: ListedEntry): Uint8Array {
    const previous = this.previous
    const { uid = 0, gid = 0, major = 0, minor = 0, nanoseconds = 0, mode } = entry
    let shared = 0
    while (shared < 255 && shared < entry.name.length - 1) {
      if (previous?.name[shared] !== entry.name[shared]) break
      shared++
    }
    const rest = arrayOfBytes(entry.name.slice(shared))
    const kind = mode & 0o170000
    const special = kind === 0o010000 || kind === 0o140000
    const hasNumber = kind === 0o020000 || kind === 0o060000
    const hasSubseconds = nanoseconds > 0 && this.format.protocol >= 31
    let flags = shared > 0 ? 0x20 : 0
    if (rest.length > 255) flags |= 0x40
    if (previous && mode === previous.mode) flags |= 0x02
    if (previous && uid === (previous.uid ?? 0)) flags |= 0x08
    if (previous && gid === (previous.gid ?? 0)) flags |= 0x10
    if (previous && entry.modifiedSeconds === previous.modifiedSeconds) flags |= 0x80
    if (hasNumber && previous && major === (previous.major ?? 0)) flags |= 0x100
    if (special && this.format.protocol < 31) flags |= 0x100
    if (hasSubseconds) flags |= 0x2000
    const number = hasNumber || (special && this.format.protocol < 31)
    const link = arrayOfBytes(entry.link ?? '')
    this.previous = { ...entry, major: hasNumber ? major : (previous?.major ?? 0) }
    return join(
      this.flags(flags, isDir(mode)),
      shared > 0 ? [shared] : [],
      rest.length > 255 ? varint(rest.length) : [rest.length],
      rest,
      variable(entry.size, 3),
      (flags & 0x80) === 0 ? variable(entry.modifiedSeconds, 4) : [],
      hasSubseconds ? varint(nanoseconds) : [],
      (flags & 0x02) === 0 ? int32(mode) : [],
      (flags & 0x08) === 0 ? varint(uid) : [],
      (flags & 0x10) === 0 ? varint(gid) : [],
      number && (flags & 0x100) === 0 ? varint(major) : [],
      number ? varint(minor) : [],
      kind === 0o120000 ? join(varint(link.length), link) : [],
    )
  }

  private flags(flags: number, dir: boolean): number[] {
    if (this.format.varintFlags) return varint(flags === 0 ? 4 : flags)
    if (flags > 0xff || (flags === 0 && dir)) return [(flags | 4) & 0xff, flags >> 8]
    return [flags === 0 ? 1 : flags]
  }

  end(ioError = 0): number[] {
    if (this.format.varintFlags) return [0, ...varint(ioError)]
    return ioError === 0 ? [0] : [0x04, 0x10, ...varint(ioError)]
  }
}

/** A text that sorts as rsync's order does (protocol 29 and later): files before directories at each level. */
function sortKey({ name, mode }: ListedEntry): string {
  if (name === '.') return ''
  const components = name.split('/')
  const last = components.pop() as string
  const above = components.map((component) => `\x02${component}/\x00`).join('')
  return above + (isDir(mode) ? `\x02${last}/\x00` : `\x01${last}\x00`)
}

/** Stable, as rsync's is. */
export function inListOrder(entries: ListedEntry[]): ListedEntry[] {
  const keyed = entries.map((entry) => ({ entry, key: sortKey(entry) }))
  keyed.sort((one, other) => (one.key < other.key ? -1 : one.key > other.key ? 1 : 0))
  return keyed.map(({ entry }) => entry)
}
