/** The frames of a pack and their sections, for the Node side: each unpacked as a whole, by fzstd. */
import { decompress } from 'fzstd'
import type { Fd, Files } from '../../src/host.ts'

export const FRAME = { manifest: 0, files: 1, more: 2, index: 3 }
export type SectionName = 'control' | 'gaps' | 'fixes' | 'text'
const NAMES: SectionName[] = ['control', 'gaps', 'fixes', 'text']

const RAW_MAX = 1024 * 1024
export const PACKED_MAX = 1_052_672
const WINDOW_MAX = 1024 * 1024
const BLOCK_MAX = 128 * 1024
/** Bytes of a number. */
const VARINT_MAX = 7

export function packError(message: string): Error {
  return Object.assign(new Error(message), { name: 'PackError' })
}

export const ends = new Error('the pack ends here')

/** A zstd frame (RFC 8878, 3.1.1), looked at from outside: how long it is, and what it unpacks to. */
class ZstdFrame {
  private at = 0

  constructor(
    private readonly bytes: Uint8Array,
    private readonly whole: boolean,
  ) {}

  private number(length: number): number {
    if (this.at + length > this.bytes.length) {
      throw this.whole ? ends : packError(`it takes more than ${PACKED_MAX} bytes`)
    }
    let value = 0
    for (let i = 0; i < length; i++) value += (this.bytes[this.at + i] as number) * 256 ** i
    this.at += length
    return value
  }

  measure(): { length: number; size: number; blocks: Uint8Array } {
    if (this.number(4) !== 0xfd2fb528) throw packError('no zstd frame')
    const descriptor = this.number(1)
    const single = (descriptor & 0x20) !== 0
    const window = single ? 0 : this.number(1)
    if ((descriptor & 3) !== 0) throw packError('a zstd frame to be skipped, or with a dictionary')
    if ((descriptor & 8) !== 0) throw packError('broken zstd frame')
    const sizeLength = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] as number
    if (sizeLength === 0) throw packError(`it doesn't state its content size`)
    const size = this.number(sizeLength) + (sizeLength === 2 ? 256 : 0)
    if (size > RAW_MAX) throw packError(`it unpacks to ${size} bytes, at most ${RAW_MAX}`)
    const windowSize = 2 ** (10 + (window >> 3)) * (1 + (window & 7) / 8)
    if (!single && windowSize > WINDOW_MAX) {
      throw packError(`its window is ${windowSize} bytes, at most ${WINDOW_MAX}`)
    }
    const start = this.at
    this.skipBlocks()
    const blocks = this.bytes.subarray(start, this.at)
    if ((descriptor & 4) !== 0) this.number(4)
    if (this.at > PACKED_MAX) throw packError(`it takes more than ${PACKED_MAX} bytes`)
    return { length: this.at, size, blocks }
  }

  private skipBlocks(): void {
    for (;;) {
      const header = this.number(3)
      const type = (header >> 1) & 3
      const size = header >> 3
      if (type === 3 || size > BLOCK_MAX) throw packError('broken zstd frame')
      const length = type === 1 ? 1 : size
      if (this.at + length > this.bytes.length) this.number(length)
      this.at += length
      if ((header & 1) === 1) return
    }
  }
}

/** Under a header that doesn't state the size, which fzstd would believe. */
function unpack(blocks: Uint8Array, size: number): Uint8Array {
  const frame = new Uint8Array(6 + blocks.length)
  frame.set([0x28, 0xb5, 0x2f, 0xfd, 0, 0x50])
  frame.set(blocks, 6)
  let raw: Uint8Array
  try {
    raw = decompress(frame)
  } catch (error) {
    throw packError(`broken zstd frame (${(error as Error).message})`)
  }
  if (raw.length !== size) throw packError(`broken zstd frame (${raw.length} bytes, not ${size})`)
  return raw
}

export class FrameReader {
  place = 0
  number = 0
  kind = FRAME.manifest
  packedLength = 0
  private start = 0
  private current = 0
  private last: SectionName = 'control'
  private raw = new Uint8Array(0)
  private sections = new Map<SectionName, { at: number; end: number }>()

  constructor(
    private readonly files: Files,
    private readonly fd: Fd,
    private readonly name: string,
  ) {}

  seek(place: number, number: number): void {
    this.place = place
    this.number = number
    this.sections.clear()
  }

  fail(message: string): never {
    const place = this.sections.get(this.last)?.at ?? 0
    const where = `pack ${this.name}: frame ${this.current} at ${this.start}, place ${place}`
    throw packError(`${where}: ${message}`)
  }

  /** False: the pack doesn't reach to the frame's end. */
  next(): boolean {
    this.start = this.place
    this.current = this.number
    this.last = 'control'
    this.sections.clear()
    const there = Math.max(0, this.files.statHandle(this.fd).size - this.place)
    const buffer = new Uint8Array(Math.min(PACKED_MAX + 64, there))
    const count = this.files.read(this.fd, buffer, 0, buffer.length, this.place)
    const bytes = buffer.subarray(0, count)
    try {
      const { length, size, blocks } = new ZstdFrame(bytes, count < PACKED_MAX + 64).measure()
      this.raw = unpack(blocks, size) as Uint8Array<ArrayBuffer>
      this.packedLength = length
    } catch (error) {
      if (error === ends) return false
      this.fail((error as Error).message)
    }
    this.divide()
    this.place += this.packedLength
    this.number++
    return true
  }

  private divide(): void {
    this.sections.set('control', { at: 0, end: this.raw.length })
    const [version, kind] = this.take('control', 2)
    if (version !== 1) this.fail(`version ${version}, and only 1 is known`)
    if ((kind as number) > FRAME.index) this.fail(`kind ${kind}, at most ${FRAME.index}`)
    const lengths = NAMES.map(() =>
      this.count('control', 'the length of a section', this.raw.length),
    )
    let { at } = this.section('control')
    const sum = lengths.reduce((all, length) => all + length, 0)
    if (sum !== this.raw.length - at) {
      this.fail(`its sections have ${sum} bytes, and there are ${this.raw.length - at}`)
    }
    NAMES.forEach((name, i) => {
      const length = lengths[i] as number
      this.sections.set(name, { at, end: at + length })
      at += length
    })
    this.kind = kind as number
  }

  private section(name: SectionName): { at: number; end: number } {
    return this.sections.get(name) ?? { at: 0, end: 0 }
  }

  left(name: SectionName): number {
    const { at, end } = this.section(name)
    return end - at
  }

  get usedUp(): boolean {
    return NAMES.every((name) => this.left(name) === 0)
  }

  take(name: SectionName, count: number): Uint8Array {
    const section = this.section(name)
    this.last = name
    const left = section.end - section.at
    if (count > left) this.fail(`${count} bytes of ${name} are wanted, and ${left} are left`)
    section.at += count
    return this.raw.subarray(section.at - count, section.at)
  }

  /** What a section has left, without taking it. */
  peek(name: SectionName): Uint8Array {
    this.last = name
    const { at, end } = this.section(name)
    return this.raw.subarray(at, end)
  }

  count(name: SectionName, what: string, allowed = Number.MAX_SAFE_INTEGER): number {
    const bytes = this.peek(name)
    let value = 0
    for (let i = 0; i < VARINT_MAX && i < bytes.length; i++) {
      const byte = bytes[i] as number
      value += (byte & 0x7f) * 2 ** (7 * i)
      if ((byte & 0x80) !== 0) continue
      if (byte === 0 && i > 0) this.fail(`${what} has a needless byte`)
      this.section(name).at += i + 1
      if (value > allowed) this.fail(`${what} is ${value}, at most ${allowed}`)
      return value
    }
    this.fail(`${what} has no end within ${VARINT_MAX} bytes and its section`)
  }

  signed(name: SectionName, what: string): number {
    const coded = this.count(name, what)
    return coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2
  }
}
