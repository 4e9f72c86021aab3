/**
 * The entries of the list that is sent, on the Node side: their bytes on the wire (rsync flist.c
 * send_file_entry, for protocols 30 to 32) and their order.
 */
import type { Algorithm } from 'native:checksums'
import type { IdName } from 'native:sending'
import { join } from './bytes.node.ts'

/** Flags of an entry: rsync.h XMIT_*. */
const flag = {
  top: 0x01,
  sameMode: 0x02,
  extended: 0x04,
  sameUser: 0x08,
  sameGroup: 0x10,
  sameName: 0x20,
  longName: 0x40,
  sameTime: 0x80,
  sameMajor: 0x100,
  noContent: 0x100,
  linked: 0x200,
  linkedFirst: 0x1000,
  nanoseconds: 0x2000,
}

export const kind = {
  mask: 0o170000,
  dir: 0o040000,
  file: 0o100000,
  link: 0o120000,
  char: 0o020000,
  block: 0o060000,
  fifo: 0o010000,
  socket: 0o140000,
}

export interface Entry {
  name: string
  mode: number
  size: number
  seconds: number
  nanoseconds: number
  uid: number
  gid: number
  major: number
  minor: number
  top: boolean
  content: 'none' | 'names' | 'tree'
  /** Of a symlink. */
  text: string
  /** Of what has several names, else empty. */
  identity: string
  place: number
  key: number | undefined
  checksum: Uint8Array | undefined
}

export interface ListOptions {
  protocol: number
  varintFlags: boolean
  links: boolean
  owners: boolean
  groups: boolean
  devices: boolean
  specials: boolean
  hardLinks: boolean
  checksum: Algorithm | undefined
}

export interface ListEnd {
  ioError: number
  errorEnd: boolean
  users: IdName[] | undefined
  groups: IdName[] | undefined
  rootName: boolean
}

const bytesOf = (name: string) => Uint8Array.from(name, (unit) => unit.charCodeAt(0))

/** rsync io.c write_varlong: the value's low bytes, at least `lengthMin` of them, led by the highest one. */
function variable(value: bigint, lengthMin: number, lengthMax: number): number[] {
  const low = Array.from({ length: lengthMax }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn))
  while (low.length > lengthMin && low.at(-1) === 0) low.pop()
  const extra = low.length - lengthMin
  const top = low.at(-1) as number
  const ones = (count: number) => (0xff << (8 - count)) & 0xff
  if (top < 1 << (7 - extra)) return [ones(extra) | top, ...low.slice(0, -1)]
  return [ones(extra + 1), ...low]
}

const varint = (value: number) => variable(BigInt.asUintN(32, BigInt(value)), 1, 4)
const varlong = (value: number, lengthMin: number) =>
  variable(BigInt.asUintN(64, BigInt(value)), lengthMin, 8)

export const isDevice = (mode: number) =>
  (mode & kind.mask) === kind.char || (mode & kind.mask) === kind.block
export const isSpecial = (mode: number) =>
  (mode & kind.mask) === kind.fifo || (mode & kind.mask) === kind.socket
export const isDir = (mode: number) => (mode & kind.mask) === kind.dir
export const isFile = (mode: number) => (mode & kind.mask) === kind.file

/** Writes entries one after the other: most say only in what they differ from the one before. */
export class EntryWriter {
  private previous = { name: '', mode: 0, seconds: 0, uid: 0, gid: 0, major: 0 }
  private readonly firsts = new Map<string, number>()
  private count = 0

  constructor(private readonly options: ListOptions) {}

  entry(entry: Entry): Uint8Array {
    const { options, previous } = this
    const index = this.count++
    const name = bytesOf(entry.name)
    let shared = 0
    while (
      shared < Math.min(255, previous.name.length) &&
      previous.name[shared] === entry.name[shared]
    ) {
      shared++
    }
    let flags = this.flagsOf(entry)
    if (shared > 0) flags |= flag.sameName
    if (name.length - shared > 255) flags |= flag.longName
    let first: number | undefined
    if (options.hardLinks && entry.identity !== '') {
      first = this.firsts.get(entry.identity)
      if (first === undefined) this.firsts.set(entry.identity, index)
      flags |= flag.linked | (first === undefined ? flag.linkedFirst : 0)
    }
    const rest = name.length - shared
    const { mode, seconds, uid, gid } = entry
    const named = join(
      this.flagBytes(flags, mode),
      shared > 0 ? [shared] : [],
      rest > 255 ? varint(rest) : [rest],
      name.subarray(shared),
    )
    this.previous = {
      name: entry.name,
      mode,
      seconds,
      uid: options.owners ? uid : 0,
      gid: options.groups ? gid : 0,
      major: this.hasDevice(mode) && isDevice(mode) ? entry.major : previous.major,
    }
    if (first !== undefined) return join(named, varint(first))
    return join(named, this.details(entry, flags))
  }

  /** rsync flist.c write_end_of_flist, uidlist.c send_id_lists. */
  end(entries: Entry[], end: ListEnd): Uint8Array {
    const { varintFlags, owners, groups } = this.options
    const { ioError, errorEnd } = end
    let last: number[] = [0]
    if (varintFlags) last = [...varint(0), ...varint(ioError)]
    else if (ioError !== 0 && errorEnd) last = [0x04, 0x10, ...varint(ioError)]
    const ids = (names: IdName[] | undefined, wanted: boolean, idOf: (entry: Entry) => number) =>
      names && wanted ? idList(names, new Set(entries.map(idOf)), end.rootName) : []
    return join(
      last,
      ids(end.users, owners, ({ uid }) => uid),
      ids(end.groups, groups, ({ gid }) => gid),
    )
  }

  private hasDevice(mode: number): boolean {
    const { devices, specials, protocol } = this.options
    return (devices && isDevice(mode)) || (specials && isSpecial(mode) && protocol < 31)
  }

  private flagsOf({ mode, seconds, nanoseconds, uid, gid, major, top, content }: Entry): number {
    const { options, previous } = this
    const named = previous.name !== ''
    let flags = 0
    if (isDir(mode)) {
      if (top) flags |= flag.top
      if (content === 'none') flags |= flag.noContent
    }
    if (mode === previous.mode) flags |= flag.sameMode
    if (!options.owners || (uid === previous.uid && named)) flags |= flag.sameUser
    if (!options.groups || (gid === previous.gid && named)) flags |= flag.sameGroup
    if (seconds === previous.seconds) flags |= flag.sameTime
    if (nanoseconds !== 0 && options.protocol >= 31) flags |= flag.nanoseconds
    if (this.hasDevice(mode) && (isSpecial(mode) || major === previous.major)) {
      flags |= flag.sameMajor
    }
    return flags
  }

  private flagBytes(flags: number, mode: number): number[] {
    if (this.options.varintFlags) return varint(flags === 0 ? flag.extended : flags)
    const shown = flags === 0 && !isDir(mode) ? flag.top : flags
    if (shown !== 0 && shown <= 0xff) return [shown]
    return [(shown | flag.extended) & 0xff, shown >> 8]
  }

  private details(entry: Entry, flags: number): Uint8Array {
    const { links, owners, groups } = this.options
    const { mode, size, seconds, nanoseconds, uid, gid, major, minor, checksum } = entry
    const without = (bit: number, bytes: number[]) => ((flags & bit) === 0 ? bytes : [])
    const isLink = (mode & kind.mask) === kind.link
    const text = bytesOf(entry.text)
    return join(
      varlong(isDevice(mode) || isSpecial(mode) ? 0 : size, 3),
      without(flag.sameTime, varlong(seconds, 4)),
      (flags & flag.nanoseconds) !== 0 ? varint(nanoseconds) : [],
      without(flag.sameMode, [mode & 0xff, mode >> 8, 0, 0]),
      owners ? without(flag.sameUser, varint(uid)) : [],
      groups ? without(flag.sameGroup, varint(gid)) : [],
      this.hasDevice(mode) ? without(flag.sameMajor, varint(major)) : [],
      this.hasDevice(mode) ? varint(isDevice(mode) ? minor : 0) : [],
      links && isLink ? varint(text.length) : [],
      links && isLink ? text : [],
      checksum && isFile(mode) ? checksum : [],
    )
  }
}

function idList(names: IdName[], present: Set<number>, rootName: boolean): Uint8Array {
  const named = (id: number, name: string) => {
    const bytes = bytesOf(name).subarray(0, 255)
    return join(varint(id), [bytes.length], bytes)
  }
  const listed = names.filter(({ id }) => id !== 0 && present.has(id))
  const root = names.find(({ id }) => id === 0)?.name ?? ''
  const last = rootName ? named(0, root) : Uint8Array.of(0)
  return join(...listed.map(({ id, name }) => named(id, name)), last)
}
