/**
 * An encoder of rsync's file lists (flist.c send_file_entry) for the contract suites, written only from the
 * protocol's description, and the order in which both sides sort a list.
 */
import { arrayOfBytes } from '../../src/text.ts'
import { varint, varlong } from '../support/rsync-numbers.ts'
import { join } from './sample-bytes.ts'
import { int32 } from './token-streams.ts'

export interface ListedEntry {
  name: string
  mode: number
  size: number
  modifiedSeconds: number
  nanoseconds?: number
}

interface ListFormat {
  protocol: number
  varintFlags: boolean
}

export const isDir = (mode: number) => (mode & 0o170000) === 0o040000

/** Encodes entries in the order given, with every shortening that rsync's own writer uses in a session without `-logD`. */
export class ListEncoder {
  private previous: ListedEntry | undefined

  constructor(private readonly format: ListFormat) {}

  entry(entry: ListedEntry): Uint8Array {
    const previous = this.previous
    const { nanoseconds = 0, mode } = entry
    let shared = 0
    while (shared < 255 && shared < entry.name.length - 1) {
      if (previous?.name[shared] !== entry.name[shared]) break
      shared++
    }
    const rest = arrayOfBytes(entry.name.slice(shared))
    const hasSubseconds = nanoseconds > 0 && this.format.protocol >= 31
    // Owners and groups that nobody asked for count as the previous entry's.
    let flags = 0x18 | (shared > 0 ? 0x20 : 0)
    if (rest.length > 255) flags |= 0x40
    if (previous && mode === previous.mode) flags |= 0x02
    if (previous && entry.modifiedSeconds === previous.modifiedSeconds) flags |= 0x80
    if (hasSubseconds) flags |= 0x2000
    this.previous = entry
    return join(
      this.flags(flags),
      shared > 0 ? [shared] : [],
      rest.length > 255 ? varint(rest.length) : [rest.length],
      rest,
      varlong(entry.size, 3),
      (flags & 0x80) === 0 ? varlong(entry.modifiedSeconds, 4) : [],
      hasSubseconds ? varint(nanoseconds) : [],
      (flags & 0x02) === 0 ? int32(mode) : [],
    )
  }

  private flags(flags: number): number[] {
    if (this.format.varintFlags) return varint(flags)
    return flags > 0xff ? [(flags | 4) & 0xff, flags >> 8] : [flags]
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
