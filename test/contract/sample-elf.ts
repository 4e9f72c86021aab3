/**
 * Programs and modules for the tests of prediction: no machine could run them, but they have every kind of field that is
 * predicted, in random places. Host-neutral.
 */
import { randomNumbers } from './sample-bytes.ts'

class Bytes {
  readonly bytes: Uint8Array
  readonly view: DataView

  constructor(length: number) {
    this.bytes = new Uint8Array(length)
    this.view = new DataView(this.bytes.buffer)
  }

  put(at: number, width: 1 | 2 | 4 | 8, value: number): void {
    if (width === 1) this.view.setUint8(at, value)
    else if (width === 2) this.view.setUint16(at, value, true)
    else {
      this.view.setUint32(at, value >>> 0, true)
      if (width === 8) this.view.setUint32(at + 4, Math.floor(value / 2 ** 32), true)
    }
  }

  /** From `at` on, values of these widths. */
  row(at: number, ...values: [1 | 2 | 4 | 8, number][]): void {
    let place = at
    for (const [width, value] of values) {
      this.put(place, width, value)
      place += width
    }
  }
}

const CODE = { place: 0x1000, address: 0x401000, size: 0x4000 }
const TABLES = { place: 0x5000, address: 0x406000, size: 0x3000 }
const DATA = { place: 0x8000, address: 0x40a000, size: 0x2000 }
const BSS_SIZE = 0x1000
const GOT = DATA.address + 0x800
const FUNCTIONS = 60

/** Opcodes whose operand is a field, as each kind of them. */
const OPCODES = [
  [0xe8],
  [0xe9],
  [0x0f, 0x84],
  [0x48, 0x8b, 0x05],
  [0x48, 0x8d, 0x3d],
  [0x83, 0x3d],
  [0xc7, 0x05],
  [0xf6, 0x05],
  [0xf7, 0x15],
  [0x0f, 0xb6, 0x05],
  [0x0f, 0xc6, 0x05],
  [0x8b, 0x83],
  [0x03, 0x83],
  [0x0f, 0xb6, 0x83],
  [0xff, 0xb3],
]

function putHeaders(out: Bytes, is64: boolean): void {
  const parts: [number, { place: number; address: number; size: number }, number, number][] = [
    [1, CODE, CODE.size, 5],
    [1, TABLES, TABLES.size, 4],
    [1, DATA, DATA.size + BSS_SIZE, 6],
    [2, { place: DATA.place + 0x10, address: DATA.address + 0x10, size: 32 }, 32, 6],
    [0x6474e550, { ...TABLES, size: 12 + FUNCTIONS * 8 }, 12 + FUNCTIONS * 8, 4],
  ]
  out.row(0, [4, 0x464c457f], [1, is64 ? 2 : 1], [1, 1], [1, 1])
  out.row(16, [2, 3], [2, is64 ? 62 : 3])
  const [head, size] = is64 ? [64, 56] : [52, 32]
  out.put(is64 ? 32 : 28, is64 ? 8 : 4, head)
  out.row(is64 ? 54 : 42, [2, size], [2, parts.length])
  parts.forEach(([type, { place, address, size: length }, memory, flags], i) => {
    const at = head + i * size
    if (is64) {
      const longs: [8, number][] = [place, address, address, length, memory].map((n) => [8, n])
      out.row(at, [4, type], [4, flags], ...longs)
    } else {
      const words: [4, number][] = [type, place, address, address, length, memory, flags].map(
        (n) => [4, n],
      )
      out.row(at, ...words)
    }
  })
}

/** A header with a table, a CIE, and an FDE for each function. */
function putUnwind(out: Bytes, next: (below: number) => number): void {
  const start = TABLES.place + 0x800
  const addressOf = (place: number) => TABLES.address + place - TABLES.place
  out.row(TABLES.place, [1, 1], [1, 0x1b], [1, 0x03], [1, 0x3b], [4, 0x7fc], [4, FUNCTIONS])
  out.row(start, [4, 20], [4, 0])
  for (let i = 0; i < FUNCTIONS; i++) {
    const place = start + 24 * (i + 1)
    const target = CODE.address + next(CODE.size)
    out.row(place, [4, 20], [4, place + 4 - start], [4, target - addressOf(place + 8)])
    const entry = TABLES.place + 12 + i * 8
    out.row(entry, [4, target - TABLES.address], [4, place - TABLES.place])
  }
}

/** 40 KiB of code, tables and words; i386 if it is not 64 bits wide. */
export function sampleElf(seed: number, is64: boolean): Uint8Array {
  const next = randomNumbers(seed)
  const out = new Bytes(DATA.place + DATA.size)
  out.bytes.forEach((_, i) => {
    out.bytes[i] = next(256)
  })
  const image = DATA.address + DATA.size + BSS_SIZE - CODE.address
  for (let at = CODE.place; at + 16 < CODE.place + CODE.size; at += 8 + next(12)) {
    const opcode = OPCODES[next(OPCODES.length)] as number[]
    out.bytes.set(opcode, at)
    const place = at + opcode.length
    const target = CODE.address + next(image) + next(3)
    const byGot = ((opcode.at(-1) as number) & 0xc0) === 0x80 && opcode[0] !== 0x0f
    out.put(place, 4, target - (byGot ? GOT : CODE.address + place - CODE.place + 4))
  }
  const width = is64 ? 8 : 4
  for (let at = DATA.place; at < DATA.place + DATA.size; at += width * (1 + next(3))) {
    out.put(at, width, CODE.address + next(image))
  }
  putUnwind(out, next)
  out.row(DATA.place + 0x10, [4, 3], [4, GOT], [4, 0], [4, 0])
  putHeaders(out, is64)
  return out.bytes
}

/** How the segments of another build of it would have moved. */
export const SAMPLE_MOVES = [
  ...[0, 0x1000, 0x40, 0x40],
  ...[0x40, 0x1000, 0x80, 0x80],
  ...[0xc0, 0x2000, 0, 0x100],
  ...[0x1000, 0x2010],
]

const SECTIONS = [
  { name: '', type: 0, entries: 0, width: 0 },
  { name: '.text', type: 1, entries: 500, width: 16 },
  { name: '.rela.text', type: 4, entries: 300, width: 24 },
  { name: '.data', type: 1, entries: 100, width: 16 },
  { name: '.BTF', type: 1, entries: 900, width: 4 },
  { name: '__versions', type: 1, entries: 40, width: 64 },
  { name: '__kcrctab_gpl', type: 1, entries: 30, width: 4 },
  { name: '.bss', type: 8, entries: 9999, width: 16 },
  { name: '.symtab', type: 2, entries: 120, width: 24 },
  { name: '.shstrtab', type: 3, entries: 100, width: 1 },
]

/** A kernel module with every section that is predicted. */
export function sampleModule(seed: number): Uint8Array {
  const next = randomNumbers(seed)
  let end = 64
  const placed = SECTIONS.map((section) => {
    const place = end
    if (section.type !== 8) end += section.entries * section.width
    return { ...section, place }
  })
  const out = new Bytes(end + SECTIONS.length * 64)
  out.bytes.forEach((_, i) => {
    out.bytes[i] = next(256)
  })
  const names = placed.at(-1)?.place ?? 0
  let name = 1
  out.bytes.fill(0, names, end)
  placed.forEach((section, i) => {
    const { type, place, entries, width } = section
    const at = end + i * 64
    out.row(
      at,
      [4, name],
      [4, type],
      [8, 0],
      [8, 0],
      [8, place],
      [8, entries * width],
      [4, 8],
      [4, 1],
    )
    for (const letter of section.name) out.put(names + name++, 1, letter.charCodeAt(0))
    name++
    for (let entry = 0; entry < entries && type !== 8; entry++) {
      const to = place + entry * width
      if (type === 4) {
        const addend = next(3) === 0 ? -4 : next(1500)
        out.row(to, [8, next(8000)], [4, 2], [4, next(120)], [8, addend])
      } else if (type === 2) {
        const isSection = entry > 0 && entry < 8
        out.row(
          to,
          [4, next(2000)],
          [1, isSection ? 3 : 0x12],
          [1, 0],
          [2, 1 + next(6)],
          [8, next(1500)],
        )
      } else if (width === 4) out.put(to, 4, next(section.name === '.BTF' ? 5000 : 2 ** 32))
    }
  })
  out.bytes.fill(0, 0, 64)
  out.row(0, [4, 0x464c457f], [1, 2], [1, 1], [1, 1])
  out.row(16, [2, 1], [2, 62])
  out.put(40, 8, end)
  out.row(58, [2, 64], [2, SECTIONS.length], [2, SECTIONS.length - 1])
  return out.bytes
}
