/** The bytes of a pack's frames before they are compressed, as docs/PACKS.md has them. */
import { assert } from '../errors.ts'

/** What a frame unpacks to at most, and what its head may take of that (bytes). */
const FRAME_SIZE_MAX = 1024 * 1024
const HEAD_SIZE_MAX = 32

export const FrameKind = { manifest: 0, index: 3 } as const

/** Bytes that are added one after the other. */
class ByteList {
  #bytes = new Uint8Array(4096)
  length = 0

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length)
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.length++] = value
  }

  /** LEB128. */
  varint(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0 && value < 2 ** 49, `varint ${value}`)
    let rest = value
    while (rest >= 128) {
      this.byte((rest % 128) | 128)
      rest = Math.floor(rest / 128)
    }
    this.byte(rest)
  }

  /** Zigzag in a varint. */
  signed(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value)
  }

  /** The bytes of a byte string. */
  text(text: string): void {
    this.#reserve(text.length)
    for (let i = 0; i < text.length; i++) this.#bytes[this.length++] = text.charCodeAt(i)
  }

  /** The bytes of lower-case hex digits. */
  hex(digits: string): void {
    for (let i = 0; i < digits.length; i += 2)
      this.byte(Number.parseInt(digits.slice(i, i + 2), 16))
  }

  append(other: ByteList): void {
    this.#reserve(other.length)
    this.#bytes.set(other.bytes, this.length)
    this.length += other.length
  }

  clear(): void {
    this.length = 0
  }

  #reserve(count: number): void {
    if (this.length + count <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(this.length + count, this.#bytes.length * 2))
    larger.set(this.bytes)
    this.#bytes = larger
  }
}

/** The four sections of a frame. */
export class Sections {
  readonly control = new ByteList()
  readonly gaps = new ByteList()
  readonly fixes = new ByteList()
  readonly text = new ByteList()

  get length(): number {
    return this.#all.reduce((sum, { length }) => sum + length, 0)
  }

  /** Whether the sections of another one still fit into the same frame. */
  hasRoomFor(other: Sections): boolean {
    return this.length + other.length <= FRAME_SIZE_MAX - HEAD_SIZE_MAX
  }

  append(other: Sections): void {
    this.#all.forEach((section, at) => {
      section.append(other.#all[at] as ByteList)
    })
  }

  clear(): void {
    for (const section of this.#all) section.clear()
  }

  /** The frame, to be compressed. */
  frame(kind: number): Uint8Array {
    const frame = new ByteList()
    frame.byte(1)
    frame.byte(kind)
    for (const { length } of this.#all) frame.varint(length)
    for (const section of this.#all) frame.append(section)
    return frame.bytes
  }

  get #all(): ByteList[] {
    return [this.control, this.gaps, this.fixes, this.text]
  }
}

/** The index: the compressed length of each frame of files, and the entry that its first record is for. */
export function indexFrame(
  frames: readonly { length: number; line: number; goesOn: boolean }[],
): Uint8Array {
  const sections = new Sections()
  const { control } = sections
  control.varint(frames.length)
  let last = 0
  for (const { length, line, goesOn } of frames) {
    control.varint(length * 2 + (goesOn ? 1 : 0))
    control.varint(goesOn ? 0 : line - last)
    if (!goesOn) last = line
  }
  return sections.frame(FrameKind.index)
}
