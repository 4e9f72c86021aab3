/**
 * What an ELF program or library asks to be loaded with it, as its program headers say. For files
 * proved against their digests; even so, it stays within the file and its limits.
 */
import type { Path } from '../host.ts'

export interface Needs {
  /** The dynamic linker; undefined for a static program and for a library. */
  interpreter: Path | undefined
  /** Names of libraries, and where to look for them first. */
  libraries: Path[]
  folders: Path[]
}

/** Gives the bytes at a place of the file; fewer, where it ends. */
type Reader = (position: number, length: number) => Uint8Array

interface Segment {
  type: number
  position: number
  address: number
  size: number
}

const LOAD = 1
const DYNAMIC = 2
const INTERPRETER = 3

const TAG_NEEDED = 1
const TAG_STRINGS = 5
const TAG_STRINGS_SIZE = 10
const TAG_RPATH = 15
const TAG_RUNPATH = 29

/** Real ones have a dozen segments, some 50 tags and a few KB of names. */
const SEGMENTS_MAX = 64
const TAGS_MAX = 512
const STRINGS_SIZE_MAX = 1024 * 1024
const PATH_SIZE_MAX = 4096

/** Undefined if it is not a little-endian ELF file, which all our machines use. */
export function readElf(read: Reader): Needs | undefined {
  const head = new View(read(0, 64))
  if (head.text(0, 4) !== '\x7fELF' || head.number(5, 1) !== 1) return undefined
  const wide = head.number(4, 1) === 2
  const segments = readSegments(read, head, wide)
  const needs: Needs = { interpreter: undefined, libraries: [], folders: [] }
  const interpreter = segments.find(({ type }) => type === INTERPRETER)
  if (interpreter) {
    const size = Math.min(interpreter.size, PATH_SIZE_MAX)
    needs.interpreter = new View(read(interpreter.position, size)).text(0, size)
  }
  const dynamic = segments.find(({ type }) => type === DYNAMIC)
  if (dynamic) readDynamic(read, segments, dynamic, wide, needs)
  return needs
}

function readSegments(read: Reader, head: View, wide: boolean): Segment[] {
  const start = wide ? head.number(32, 8) : head.number(28, 4)
  const size = head.number(wide ? 54 : 42, 2)
  const count = Math.min(head.number(wide ? 56 : 44, 2), SEGMENTS_MAX)
  const table = new View(read(start, size * count))
  return Array.from({ length: count }, (_, index) => {
    const at = index * size
    return {
      type: table.number(at, 4),
      position: wide ? table.number(at + 8, 8) : table.number(at + 4, 4),
      address: wide ? table.number(at + 16, 8) : table.number(at + 8, 4),
      size: wide ? table.number(at + 32, 8) : table.number(at + 16, 4),
    }
  })
}

function readDynamic(
  read: Reader,
  segments: Segment[],
  dynamic: Segment,
  wide: boolean,
  needs: Needs,
): void {
  const word = wide ? 8 : 4
  const count = Math.min(Math.floor(dynamic.size / (2 * word)), TAGS_MAX)
  const table = new View(read(dynamic.position, count * 2 * word))
  const tags = Array.from({ length: count }, (_, index) => ({
    tag: table.number(index * 2 * word, word),
    value: table.number(index * 2 * word + word, word),
  }))
  const firstOf = (wanted: number) => tags.find(({ tag }) => tag === wanted)?.value ?? 0
  const address = firstOf(TAG_STRINGS)
  const holder = segments.find(
    (each) => each.type === LOAD && address >= each.address && address < each.address + each.size,
  )
  if (!holder) return
  const size = Math.min(firstOf(TAG_STRINGS_SIZE), STRINGS_SIZE_MAX)
  const strings = new View(read(holder.position + address - holder.address, size))
  for (const { tag, value } of tags) {
    if (tag === TAG_NEEDED) needs.libraries.push(strings.text(value, PATH_SIZE_MAX))
    if (tag === TAG_RPATH || tag === TAG_RUNPATH) {
      needs.folders.push(...strings.text(value, PATH_SIZE_MAX).split(':'))
    }
  }
}

/** Bytes with zeros after them. */
class View {
  constructor(readonly bytes: Uint8Array) {}

  number(position: number, length: number): number {
    let value = 0
    for (let at = length - 1; at >= 0; at--) value = value * 256 + (this.bytes[position + at] ?? 0)
    return value
  }

  /** Up to a NUL. */
  text(position: number, lengthMax: number): string {
    let text = ''
    for (let at = position; at < position + lengthMax; at++) {
      const byte = this.bytes[at] ?? 0
      if (byte === 0) break
      text += String.fromCharCode(byte)
    }
    return text
  }
}
