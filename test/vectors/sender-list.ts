/**
 * The file list of a sender, with all that it may hold, read from the protocol's description
 * (docs/PROTOCOL.md); and what the client asked for, on which its form depends.
 */
import type { Cursor } from './cursor.ts'

export interface ListedEntry {
  name: string
  size: number
  modified: string
  mode: number
  uid: number
  gid: number
  device?: string
  link?: string
  /** The index on the wire of the entry that it shares its inode with. */
  linkedTo?: string
  digest?: string
}

/** What a client asked for, of what it said. */
export class Asked {
  readonly protocol: number
  readonly words: string[]
  readonly letters: string

  constructor(client: Buffer) {
    const text = client.toString('latin1')
    const end = text.indexOf('\0\0')
    const start = text.indexOf('--server')
    this.words = text.slice(start, end).split('\0')
    this.protocol = Number(/^@RSYNCD: (\d+)/.exec(text)?.[1])
    const cluster = this.words.find((word) => /^-[a-zA-Z]/.test(word)) ?? ''
    this.letters = cluster.slice(1, cluster.indexOf('e.'))
  }

  has(letter: string): boolean {
    return this.letters.includes(letter)
  }

  choice(option: string): string | undefined {
    return this.words.find((word) => word.startsWith(`--${option}=`))?.slice(option.length + 3)
  }
}

/** A name as both sides sort it: files before folders, which end in a slash; `.` is first (9.6). */
export function keyOf({ name, mode }: ListedEntry): string {
  const folder = (mode & 0o170000) === 0o040000
  if (name === '.') return ''
  const pieces = name.replace(/^\//, '').split('/')
  return pieces
    .map((piece, i) => (i < pieces.length - 1 || folder ? `\x02${piece}/` : `\x01${piece}`))
    .join('')
}

/** Flags of an entry (rsync.h XMIT_*). */
const SAME_MODE = 0x02
const EXTENDED = 0x04
const SAME_UID = 0x08
const SAME_GID = 0x10
const SAME_NAME = 0x20
const LONG_NAME = 0x40
const SAME_TIME = 0x80
const SAME_MAJOR = 0x100
const HARD_LINKED = 0x200
const FIRST_LINK = 0x1000
const NANOSECONDS = 0x2000

export class ListReader {
  readonly #entries: ListedEntry[] = []
  #seconds = 0
  #major = 0
  #previous: ListedEntry = { name: '', size: 0, modified: '', mode: 0, uid: 0, gid: 0 }

  constructor(
    readonly cursor: Cursor,
    readonly asked: Asked,
    readonly flags: number,
    readonly digestLength: number,
  ) {}

  read(): ListedEntry[] {
    for (;;) {
      const flags = this.#entryFlags()
      if (flags === undefined) return this.#entries
      const entry = this.#entry(flags)
      this.#entries.push(entry)
      this.#previous = entry
    }
  }

  /** The names of owners and groups, with the id before each. */
  readIds(): string[] {
    const { cursor, asked } = this
    const names: string[] = []
    if (asked.words.includes('--numeric-ids')) return names
    for (const letter of ['o', 'g']) {
      if (!asked.has(letter)) continue
      for (;;) {
        const id = cursor.varint()
        if (id === 0 && !(this.flags & 0x100)) break
        names.push(`${letter} ${id} ${cursor.text(cursor.byte())}`)
        if (id === 0) break
      }
    }
    return names
  }

  #entryFlags(): number | undefined {
    const { cursor } = this
    if (this.flags & 0x80) {
      const flags = cursor.varint()
      if (flags !== 0) return flags
      cursor.varint()
      return undefined
    }
    let flags = cursor.byte()
    if (flags === 0) return undefined
    if (flags & EXTENDED) flags |= cursor.byte() << 8
    if (flags === 0x1004) {
      cursor.varint()
      return undefined
    }
    return flags
  }

  #name(flags: number): string {
    const { cursor } = this
    const shared = flags & SAME_NAME ? cursor.byte() : 0
    const length = flags & LONG_NAME ? cursor.varint() : cursor.byte()
    return this.#previous.name.slice(0, shared) + cursor.text(length)
  }

  #entry(flags: number): ListedEntry {
    const { cursor, asked } = this
    const previous = this.#previous
    const name = this.#name(flags)
    if (flags & HARD_LINKED && !(flags & FIRST_LINK)) {
      const first = this.#entries[cursor.varint()]
      if (!first) throw new Error(`"${name}" is linked to what is not listed`)
      this.#seconds = Number(first.modified.split('.')[0])
      return { ...first, name, linkedTo: first.linkedTo ?? first.name }
    }
    const size = cursor.varlong(3)
    if (!(flags & SAME_TIME)) this.#seconds = cursor.varlong(4)
    const nanoseconds = flags & NANOSECONDS ? cursor.varint() : 0
    const mode = flags & SAME_MODE ? previous.mode : cursor.int()
    const uid = asked.has('o') && !(flags & SAME_UID) ? cursor.varint() : previous.uid
    const gid = asked.has('g') && !(flags & SAME_GID) ? cursor.varint() : previous.gid
    const modified = `${this.#seconds}.${nanoseconds}`
    const folder = (mode & 0o170000) === 0o040000
    // How large a folder is, is its file system's matter.
    const entry: ListedEntry = { name, size: folder ? 0 : size, modified, mode, uid, gid }
    if (flags & HARD_LINKED && !folder) entry.linkedTo = name
    this.#rest(entry, flags)
    return entry
  }

  #rest(entry: ListedEntry, flags: number): void {
    const { cursor, asked } = this
    const type = entry.mode & 0o170000
    const device = type === 0o020000 || type === 0o060000
    const special = type === 0o010000 || type === 0o140000
    if (asked.has('D') && (device || (special && asked.protocol < 31))) {
      if (!(flags & SAME_MAJOR)) this.#major = cursor.varint()
      const minor = cursor.varint()
      if (device) entry.device = `${this.#major}.${minor}`
    }
    if (asked.has('l') && type === 0o120000) entry.link = cursor.text(cursor.varint())
    if (asked.has('c') && type === 0o100000) {
      entry.digest = cursor.take(this.digestLength).toString('hex')
    }
  }
}
