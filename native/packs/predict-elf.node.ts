/** Prediction for programs and libraries, for the Node side: plain and slow, to compare the C with. */
import { type ElfShape, elfShape, type Segment } from './elf-shape.node.ts'
import {
  type Piece,
  type PlaceMap,
  put32,
  truth,
  truth32,
  viewOf,
  wrapped,
} from './prediction.node.ts'

const UNWIND_ENTRIES_MAX = 131072

const WITHOUT = [
  0x63, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x8d, 0x8f, 0xd0, 0xd1, 0xd2, 0xd3, 0xd8,
  0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xfe, 0xff, 0x54, 0x57, 0x58, 0x59, 0x5c, 0x6e, 0x6f,
  0x7e, 0x7f, 0xd6, 0xef,
]
const GOT = [
  0x80, 0x81, 0x83, 0x84, 0x85, 0x88, 0x89, 0x8a, 0x8b, 0x8d, 0xc6, 0xc7, 0xd8, 0xd9, 0xda, 0xdb,
  0xdc, 0xdd, 0xde, 0xdf, 0xf6, 0xf7, 0xff,
]

/** Bytes between a field and the end of its instruction; -1: there is no such field. */
function relativeField(before: number[], operands: boolean): number {
  const [last = -1, opcode = -1, prefix = -1] = before
  if (last === 0xe8 || last === 0xe9) return 0
  if (opcode < 0) return -1
  if (opcode === 0x0f && (last & 0xf0) === 0x80) return 0
  if (!operands || (last & 0xc7) !== 0x05) return -1
  if (prefix === 0x0f && opcode !== 0x0f) {
    return [0x70, 0xa4, 0xac, 0xba, 0xc2, 0xc4, 0xc5, 0xc6].includes(opcode) ? 1 : 0
  }
  if (opcode < 0x40) return (opcode & 7) < 4 ? 0 : -1
  if (WITHOUT.includes(opcode)) return 0
  if ([0x6b, 0x80, 0x83, 0xc0, 0xc1, 0xc6].includes(opcode)) return 1
  if ([0x69, 0x81, 0xc7].includes(opcode)) return 4
  const test = ((last >> 3) & 7) < 2
  if (opcode === 0xf6) return test ? 1 : 0
  if (opcode === 0xf7) return test ? 4 : 0
  return -1
}

function isGotField(before: number[]): boolean {
  const [modrm = -1, opcode = -1, prefix = -1] = before
  if (opcode < 0 || (modrm & 0xc0) !== 0x80 || (modrm & 7) === 4) return false
  if (prefix === 0x0f) return true
  return opcode < 0x40 ? (opcode & 7) < 4 : GOT.includes(opcode)
}

interface Shift {
  key: number
  shift: number
}

const slotOf = (key: number, log: number): number =>
  Number(BigInt.asUintN(64, BigInt(key) * 0x9e3779b97f4a7c15n) >> BigInt(64 - log))

/** What was learned of targets: exact ones, and (by 128) rough ones. */
class Lessons {
  private readonly exact = new Map<number, Shift>()
  private readonly rough = new Map<number, Shift>()

  constructor(private readonly hasExact: boolean) {}

  find(address: number): number | undefined {
    const exact = this.hasExact ? this.exact.get(slotOf(address, 14)) : undefined
    if (exact?.key === address) return address + exact.shift
    const key = Math.floor(address / 128)
    const rough = this.rough.get(slotOf(key, 12))
    return rough?.key === key ? address + rough.shift : undefined
  }

  add(address: number, truth: number): void {
    const shift = truth - address
    this.exact.set(slotOf(address, 14), { key: address, shift })
    const key = Math.floor(address / 128)
    this.rough.set(slotOf(key, 12), { key, shift })
  }
}

export class ElfPredictor {
  private readonly view: DataView
  private readonly code = new Lessons(true)
  private readonly words = new Lessons(false)
  private readonly table = { place: 0, words: 0 }
  private readonly unwind: number[] = []
  private unwindStart = 0
  private unwindEnd = 0

  constructor(
    private readonly base: Uint8Array,
    private readonly old: ElfShape,
    private readonly made: ElfShape,
    private readonly map: PlaceMap,
  ) {
    this.view = viewOf(base)
    this.findTables()
  }

  static shape = elfShape

  private findTables(): void {
    const { place, size, address } = this.old.unwind
    if (size < 12 || this.base[place + 1] !== 0x1b) return
    const words = this.view.getUint32(place + 8, true) * 2
    const known = this.base[place + 2] === 0x03 && this.base[place + 3] === 0x3b
    if (known && words * 4 <= size - 12) Object.assign(this.table, { place: place + 12, words })
    const start = placeOf(this.old, address + 4 + this.view.getInt32(place + 4, true))
    if (start !== undefined) this.noteUnwind(start)
  }

  private noteUnwind(start: number): void {
    let place = start
    while (this.unwind.length < UNWIND_ENTRIES_MAX && place + 8 <= this.base.length) {
      const length = this.view.getUint32(place, true)
      if (length === 0 || length > 0x100000 || length > this.base.length - place - 4) break
      const id = this.view.getUint32(place + 4, true)
      if (id !== 0 && length >= 12) this.unwind.push(place + 4)
      place += 4 + length
    }
    this.unwindStart = start
    this.unwindEnd = place
  }

  private moved(address: number): number | undefined {
    const place = placeOf(this.old, address)
    if (place !== undefined) return addressOf(this.made, this.map.place(place))
    for (const [i, segment] of this.old.segments.entries()) {
      const start = segment.address + segment.size
      const made = this.made.segments[i] as Segment
      if (address < start || address > segment.address + segment.memorySize) continue
      return made.address + made.size + address - start
    }
    return undefined
  }

  private inTables(place: number, length: number): boolean {
    const { place: header, size } = this.old.unwind
    const overlaps = (start: number, end: number) => place < end && place + length > start
    return overlaps(header, header + size) || overlaps(this.unwindStart, this.unwindEnd)
  }

  private learn(lessons: Lessons, target: number, guess: number, found: number): void {
    if (guess === found || found < 0 || found > this.made.end) return
    lessons.add(target, found)
  }

  predict(piece: Piece): void {
    this.predictTable(piece)
    this.predictUnwind(piece)
    for (const segment of this.old.segments) {
      const start = Math.max(segment.place, piece.oldPlace)
      const end = Math.min(segment.place + segment.size, piece.oldPlace + piece.length)
      if (segment.executable) this.predictCode(piece, segment, start, end)
      else this.predictWords(piece, start, end)
    }
  }

  private predictTable(piece: Piece): void {
    for (let i = 0; i < this.table.words; i++) {
      const place = this.table.place + i * 4
      if (!inPiece(piece, place)) continue
      const target = this.moved(this.old.unwind.address + this.view.getInt32(place, true))
      if (target === undefined) continue
      put32(piece, place - piece.oldPlace, target - this.made.unwind.address)
    }
  }

  private predictUnwind(piece: Piece): void {
    for (const entry of this.unwind) {
      if (entry + 8 <= piece.oldPlace || entry >= piece.oldPlace + piece.length) continue
      for (const place of [entry, entry + 4]) {
        if (!inPiece(piece, place)) continue
        const at = place - piece.oldPlace
        const address = addressOf(this.old, place)
        const newAddress = addressOf(this.made, piece.newPlace + at)
        if (address === undefined || newAddress === undefined) continue
        const back = place === entry
        const old = back
          ? address - this.view.getUint32(place, true)
          : address + this.view.getInt32(place, true)
        const target = this.moved(old)
        if (target === undefined) continue
        put32(piece, at, back ? newAddress - target : target - newAddress)
      }
    }
  }

  private predictCode(piece: Piece, segment: Segment, start: number, end: number): void {
    for (let place = start; place + 4 <= end; place++) {
      const before: number[] = []
      for (let i = 1; i <= 3 && place - i >= segment.place; i++) {
        before.push(this.base[place - i] as number)
      }
      const immediate = relativeField(before, this.old.is64)
      const got = immediate < 0 && !this.old.is64 && this.old.got !== 0 && isGotField(before)
      if ((immediate < 0 && !got) || this.inTables(place, 4)) continue
      const at = place - piece.oldPlace
      const address = segment.address + place - segment.place
      const done = got
        ? this.predictGot(piece, at)
        : this.predictRelative(piece, at, address, immediate)
      if (done) place += 3
    }
  }

  private narrowed(address: number): number {
    return this.old.is64 ? address : wrapped(address)
  }

  private sameByteBefore(piece: Piece, at: number): boolean {
    return at > 0 && truth(piece, at - 1) === this.base[piece.oldPlace + at - 1]
  }

  private predictRelative(piece: Piece, at: number, address: number, immediate: number): boolean {
    const distance = 4 + immediate
    const value = this.view.getInt32(piece.oldPlace + at, true)
    const target = this.narrowed(address + distance + value)
    if (target < 0 || target >= this.old.end) return false
    const guess = this.code.find(target) ?? this.moved(target)
    if (guess === undefined) return false
    const newAddress = addressOf(this.made, piece.newPlace + at)
    if (newAddress === undefined) return false
    put32(piece, at, guess - newAddress - distance)
    const found = this.narrowed(newAddress + distance + (truth32(piece, at) | 0))
    if (this.sameByteBefore(piece, at)) this.learn(this.code, target, guess, found)
    return true
  }

  private predictGot(piece: Piece, at: number): boolean {
    const target = wrapped(this.old.got + this.view.getUint32(piece.oldPlace + at, true))
    if (target >= this.old.end) return false
    const guess = this.code.find(target) ?? this.moved(target)
    if (guess === undefined) return false
    put32(piece, at, guess - this.made.got)
    const found = wrapped(this.made.got + truth32(piece, at))
    if (this.sameByteBefore(piece, at)) this.learn(this.code, target, guess, found)
    return true
  }

  private predictWords(piece: Piece, start: number, end: number): void {
    const width = this.old.is64 ? 8 : 4
    const least = (this.old.segments[0] as Segment).address + 0x400
    for (let place = Math.ceil(start / width) * width; place + width <= end; place += width) {
      const high = width === 8 ? this.view.getUint32(place + 4, true) : 0
      const value = high * 2 ** 32 + this.view.getUint32(place, true)
      if (value < least || value > this.old.end || this.inTables(place, width)) continue
      const guess = this.words.find(value) ?? this.moved(value)
      if (guess === undefined) continue
      const at = place - piece.oldPlace
      put32(piece, at, guess)
      if (width === 8) put32(piece, at + 4, Math.floor(guess / 2 ** 32))
      const found = truth32(piece, at) + (width === 8 ? truth32(piece, at + 4) * 2 ** 32 : 0)
      this.learn(this.words, value, guess, found)
    }
  }
}

function addressOf(shape: ElfShape, place: number): number | undefined {
  for (const segment of shape.segments) {
    const from = place - segment.place
    if (from >= 0 && from < segment.size) return segment.address + from
  }
  return undefined
}

function placeOf(shape: ElfShape, address: number): number | undefined {
  for (const segment of shape.segments) {
    const from = address - segment.address
    if (from >= 0 && from < segment.size) return segment.place + from
  }
  return undefined
}

function inPiece(piece: Piece, place: number): boolean {
  return place >= piece.oldPlace && place + 4 <= piece.oldPlace + piece.length
}
