/**
 * The Node side of the file list (rsync flist.c): decodes entries, sorts them as both sides do and
 * checks them by the rules of the receiver. One object per entry: never for the device.
 */
import type { Delta } from '../../src/host.ts'
import { compareKeys, keyOf } from './name-order.node.ts'
import { tokenError } from './rebuild.node.ts'

type Options = Parameters<Delta['openFileList']>[0]

/** Flags of an entry: rsync.h XMIT_*. */
const flag = {
  sameMode: 0x02,
  extended: 0x04,
  sameName: 0x20,
  longName: 0x40,
  sameTime: 0x80,
  hardLinked: 0x200,
  nanoseconds: 0x2000,
  endWithError: 0x1004,
}
const type = {
  mask: 0o170000,
  dir: 0o040000,
  file: 0o100000,
  link: 0o120000,
  char: 0o020000,
  block: 0o060000,
  fifo: 0o010000,
  socket: 0o140000,
}
const known = [type.dir, type.file, type.link, type.char, type.block, type.fifo, type.socket]

interface Entry {
  name: string
  size: number
  mode: number
  modifiedSeconds: number
  /** A later entry of the same name: it keeps its index and is never found. */
  cleared: boolean
}

/** Thrown internally where the bytes end in the middle of a unit. */
class Incomplete extends Error {}

class Reader {
  at = 0
  constructor(private readonly bytes: Uint8Array) {}

  byte(): number {
    const byte = this.bytes[this.at]
    if (byte === undefined) throw new Incomplete()
    this.at++
    return byte
  }

  take(length: number): Uint8Array {
    if (this.at + length > this.bytes.length) throw new Incomplete()
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }

  /** rsync io.c read_varlong: at least `lengthMin` bytes, at most `lengthMax`. */
  private variable(lengthMin: number, lengthMax: number): bigint {
    const lead = this.byte()
    let extra = 0
    while (extra < 6 && (lead & (0x80 >> extra)) !== 0) extra++
    const length = lengthMin - 1 + extra
    if (length > lengthMax) throw tokenError(`a number of ${length} bytes, at most ${lengthMax}`)
    const rest = this.take(length)
    let value = BigInt(lead & (extra < 6 ? 0x7f >> extra : 3)) << BigInt(8 * length)
    rest.forEach((byte, i) => {
      value |= BigInt(byte) << BigInt(8 * i)
    })
    return value
  }

  varint(): number {
    return Number(BigInt.asIntN(32, this.variable(1, 4)))
  }

  varlong(lengthMin: number): bigint {
    return BigInt.asIntN(64, this.variable(lengthMin, 8))
  }

  int(): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.take(4)
    return a | (b << 8) | (c << 16) | (d << 24)
  }
}

const text = (bytes: Uint8Array) => String.fromCharCode(...bytes)
const isDir = (entry: Entry) => (entry.mode & type.mask) === type.dir

export class NodeFileList {
  private entries: Entry[] = []
  private readonly winners = new Map<string, number>()
  private phase: 'entries' | 'ended' | 'failed' = 'entries'
  private ioError = 0
  private absolute: boolean | undefined
  private previous = { name: '', mode: 0, seconds: 0n }

  constructor(private readonly options: Options) {
    if (options.protocol < 30 || options.protocol > 32) {
      throw new RangeError(`file lists of protocol ${options.protocol} are not read here`)
    }
  }

  get ended(): boolean {
    return this.phase === 'ended'
  }

  summary() {
    const namesLength = this.entries.reduce((sum, { name }) => sum + name.length, 0)
    return { entries: this.entries.length, namesLength, ioError: this.ioError }
  }

  feed(bytes: Uint8Array): number {
    if (this.phase === 'failed') throw new TypeError('the file list failed before')
    let used = 0
    while (this.phase !== 'ended') {
      const reader = new Reader(bytes.subarray(used))
      try {
        this.readEntry(reader)
      } catch (error) {
        if (error instanceof Incomplete) break
        this.phase = 'failed'
        throw error
      }
      used += reader.at
    }
    return used
  }

  find(name: string) {
    const index = this.winners.get(name)
    if (index === undefined) return undefined
    const { size, mode } = this.entries[index] as Entry
    return { index, size, mode }
  }

  at(index: number) {
    const entry = this.entries[index]
    if (!this.ended || !entry || entry.cleared) return undefined
    const { name, size, mode, modifiedSeconds } = entry
    return { name, size, mode, modifiedSeconds }
  }

  private readFlags(reader: Reader): number | undefined {
    const { varintFlags } = this.options
    let flags = varintFlags ? reader.varint() : reader.byte()
    if (!varintFlags && (flags & flag.extended) !== 0) flags |= reader.byte() << 8
    if (flags === 0 || (!varintFlags && flags === flag.endWithError)) {
      const ioError = varintFlags || flags !== 0 ? reader.varint() : 0
      this.ioError = ioError & 7
      return undefined
    }
    return flags
  }

  private readEntry(reader: Reader): void {
    const { options, previous } = this
    const flags = this.readFlags(reader)
    if (flags === undefined) {
      this.endEntries()
      return
    }
    if (this.entries.length >= options.entriesMax) {
      throw tokenError(`the file list has more than ${options.entriesMax} entries`)
    }
    const name = this.readName(reader, flags)
    const shown = JSON.stringify(name)
    if ((flags & flag.hardLinked) !== 0) {
      throw tokenError(`${shown} is sent as a hard link, which was not asked for`)
    }
    const size = reader.varlong(3)
    if (size < 0n || size > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw tokenError(`${shown} has ${size} bytes`)
    }
    const seconds = (flags & flag.sameTime) !== 0 ? previous.seconds : reader.varlong(4)
    if (options.protocol >= 31 && (flags & flag.nanoseconds) !== 0) {
      const nanoseconds = reader.varint()
      if (nanoseconds < 0 || nanoseconds > 999_999_999) {
        throw tokenError(`${shown} has ${nanoseconds} nanoseconds`)
      }
    }
    const mode = (flags & flag.sameMode) !== 0 ? previous.mode : reader.int()
    const kind = mode & type.mask
    if ((mode & ~0o177777) !== 0 || !known.includes(kind)) {
      throw tokenError(`${shown} has mode 0${(mode >>> 0).toString(8)}`)
    }
    this.previous = { name, mode, seconds }
    const clean = this.cleanName(name, kind === type.dir)
    const modifiedSeconds = Number(seconds)
    this.entries.push({ name: clean, size: Number(size), mode, modifiedSeconds, cleared: false })
  }

  private readName(reader: Reader, flags: number): string {
    const shared = (flags & flag.sameName) !== 0 ? reader.byte() : 0
    const rest = (flags & flag.longName) !== 0 ? reader.varint() : reader.byte()
    if (shared > this.previous.name.length) {
      throw tokenError(`a name shares ${shared} bytes with one of ${this.previous.name.length}`)
    }
    if (rest < 0 || shared + rest > 4095 || shared + rest === 0) {
      throw tokenError(`a name of ${shared + rest} bytes, allowed: 1 to 4095`)
    }
    return this.previous.name.slice(0, shared) + text(reader.take(rest))
  }

  private cleanName(name: string, dir: boolean): string {
    const shown = JSON.stringify(name)
    const components = name.split('/')
    if (name.includes('\0')) throw tokenError(`${shown} holds a NUL byte`)
    if (components.includes('..')) throw tokenError(`${shown} climbs out of the tree with ".."`)
    const absolute = name.startsWith('/')
    if (absolute && !this.options.relative) throw tokenError(`${shown} is an absolute name`)
    if (this.absolute !== undefined && this.absolute !== absolute) {
      throw tokenError(`${shown} is ${absolute ? '' : 'not '}absolute, unlike the names before it`)
    }
    this.absolute = absolute
    const kept = components.filter((component) => component !== '' && component !== '.')
    if (kept.length === 0 && !dir) throw tokenError(`${shown} is not a directory`)
    return kept.join('/') || '.'
  }

  private endEntries(): void {
    const keyed = this.entries.map((entry) => ({ entry, key: keyOf(entry.name, isDir(entry)) }))
    keyed.sort((one, other) => compareKeys(one.key, other.key))
    this.entries = keyed.map(({ entry }) => entry)
    this.entries.forEach((entry, index) => {
      const winner = this.winners.get(entry.name)
      if (winner === undefined || (isDir(entry) && !isDir(this.entries[winner] as Entry))) {
        if (winner !== undefined) (this.entries[winner] as Entry).cleared = true
        this.winners.set(entry.name, index)
      } else {
        entry.cleared = true
      }
    })
    for (const { name } of this.entries) {
      const parent = name.slice(0, Math.max(0, name.lastIndexOf('/')))
      const found = this.find(parent)
      if (parent !== '' && (!found || (found.mode & type.mask) !== type.dir)) {
        throw tokenError(
          `${JSON.stringify(name)} lies in ${JSON.stringify(parent)}, which is not listed as a directory`,
        )
      }
    }
    this.phase = 'ended'
  }
}
