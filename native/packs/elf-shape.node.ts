/** The segments of an ELF file, for the Node side of prediction. */
import { viewOf } from './prediction.node.ts'

export interface Segment {
  place: number
  address: number
  size: number
  memorySize: number
  executable: boolean
}

export interface ElfShape {
  is64: boolean
  segments: Segment[]
  end: number
  unwind: { place: number; size: number; address: number }
  got: number
}

const ADDRESS_LIMIT = 2 ** 48
const CONTENT_MAX = 2 ** 32 - 1
const SEGMENTS_MAX = 16
const DYNAMIC_ENTRIES_MAX = 1024

function fits(segment: Segment, fileSize: number): boolean {
  const { place, address, size, memorySize } = segment
  const addresses = [address, memorySize, address + memorySize]
  if (addresses.some((value) => value < 0 || value >= ADDRESS_LIMIT)) return false
  return place >= 0 && size >= 0 && place + size <= fileSize
}

const endOf = (segments: Segment[]): number =>
  Math.max(0, ...segments.map(({ address, memorySize }) => address + memorySize))

function headerAt(view: DataView, at: number, is64: boolean): { type: number; segment: Segment } {
  const word = (offset: number) => view.getUint32(at + offset, true)
  const long = (offset: number) => Number(view.getBigUint64(at + offset, true))
  const [place, address, size, memorySize, flags] = is64
    ? [long(8), long(16), long(32), long(40), word(4)]
    : [word(4), word(8), word(16), word(20), word(24)]
  const segment = { place, address, size, memorySize, executable: (flags & 1) !== 0 }
  return { type: word(0), segment }
}

function gotOf(view: DataView, dynamic: Segment): number {
  let got = 0
  for (let i = 0; i < DYNAMIC_ENTRIES_MAX && (i + 1) * 8 <= dynamic.size; i++) {
    const at = dynamic.place + i * 8
    if (view.getUint32(at, true) === 3) got = view.getUint32(at + 4, true)
  }
  return got
}

/** False: nothing can be predicted from such a file. */
function addHeader(shape: ElfShape, view: DataView, at: number): boolean {
  const { type, segment } = headerAt(view, at, shape.is64)
  const inside = fits(segment, view.byteLength)
  if (type === 1) {
    const last = shape.segments.filter(({ size }) => size > 0).at(-1)
    const follows = segment.size === 0 || segment.place >= (last ? last.place + last.size : 0)
    if (!inside || !follows || shape.segments.length === SEGMENTS_MAX) return false
    shape.segments.push(segment)
  }
  if (type === 0x6474e550) {
    if (!inside) return false
    shape.unwind = segment
  }
  if (type === 2 && !shape.is64 && inside) shape.got = gotOf(view, segment)
  return true
}

export function elfShape(bytes: Uint8Array): ElfShape | undefined {
  const view = viewOf(bytes)
  if (bytes.length < 64 || view.getUint32(0) !== 0x7f454c46 || bytes[5] !== 1) return undefined
  const [type, machine] = [view.getUint16(16, true), view.getUint16(18, true)]
  if ((bytes[4] !== 1 && bytes[4] !== 2) || type === 1 || (machine !== 62 && machine !== 3)) {
    return undefined
  }
  const is64 = bytes[4] === 2
  const unwind = { place: 0, size: 0, address: 0 }
  const shape: ElfShape = { is64, segments: [], end: 0, unwind, got: 0 }
  const place = is64 ? Number(view.getBigUint64(32, true)) : view.getUint32(28, true)
  const [size, count] = [54, 56].map((at) => view.getUint16(is64 ? at : at - 12, true))
  const least = is64 ? 56 : 32
  if (size === undefined || count === undefined || size < least) return undefined
  for (let i = 0; i < count; i++) {
    const at = place + i * size
    if (at + least > bytes.length || !addHeader(shape, view, at)) return undefined
  }
  shape.end = endOf(shape.segments)
  return shape.segments.length > 0 ? shape : undefined
}

/** The content's, from the base's and the record's numbers; undefined: they don't fit. */
export function movedShape(old: ElfShape, numbers: number[]): ElfShape | undefined {
  if (numbers.length !== 4 * old.segments.length + 2) return undefined
  const number = (at: number) => numbers[at] as number
  const segments = old.segments.map((segment, i) => ({
    ...segment,
    place: segment.place + number(4 * i),
    address: segment.address + number(4 * i + 1),
    size: segment.size + number(4 * i + 2),
    memorySize: segment.memorySize + number(4 * i + 3),
  }))
  const limit = 2 * CONTENT_MAX
  const small = ({ place, size }: Segment) => place <= CONTENT_MAX && size <= CONTENT_MAX
  if (!segments.every((segment) => small(segment) && fits(segment, limit))) return undefined
  const address = old.unwind.address + number(numbers.length - 2)
  const got = old.got + number(numbers.length - 1)
  if ([address, got].some((value) => value < 0 || value >= ADDRESS_LIMIT)) return undefined
  return { ...old, segments, end: endOf(segments), unwind: { ...old.unwind, address }, got }
}
