/** Small ELF files for the prediction's target: a program of each width, and a kernel module. */

/** Bytes that are written at places. */
class Image {
  readonly bytes: Buffer

  constructor(size: number) {
    this.bytes = Buffer.alloc(size)
  }

  /** Little-endian numbers of 1, 2, 4 or 8 bytes. */
  put(place: number, width: number, ...values: number[]): void {
    for (const [at, value] of values.entries()) {
      const start = place + at * width
      if (width === 8) this.bytes.writeBigInt64LE(BigInt(value), start)
      else this.bytes.writeIntLE(value, start, width)
    }
  }
}

const [LOAD, DYNAMIC, UNWIND] = [1, 2, 0x6474e550]
const BASE = 0x1000

function head(image: Image, is64: boolean, type: number): void {
  image.bytes.set([0x7f, 0x45, 0x4c, 0x46, is64 ? 2 : 1, 1, 1])
  image.put(16, 2, type, is64 ? 62 : 3)
}

/** Calls, operands relative to rip or to the GOT, and jumps. */
function code(image: Image, start: number, end: number): void {
  const instructions = [
    [0xe8, 0x40, 0, 0, 0],
    [0x48, 0x8b, 0x05, 0x80, 2, 0, 0],
    [0x0f, 0x84, 0x20, 0, 0, 0],
    [0x8d, 0x83, 0x10, 0xff, 0xff, 0xff],
    [0xc7, 0x05, 0x90, 2, 0, 0, 1, 0, 0, 0],
    [0x90],
  ]
  let place = start
  for (let turn = 0; ; turn++) {
    const bytes = instructions[turn % instructions.length] ?? []
    if (place + bytes.length > end) return
    image.bytes.set(bytes, place)
    place += bytes.length
  }
}

/** One row of the table of segments: all lie in memory as in the file, from BASE on. */
function segment(image: Image, is64: boolean, index: number, row: number[]): void {
  const [type = 0, flags = 0, place = 0, size = 0] = row
  const address = BASE + place
  if (is64) {
    image.put(64 + index * 56, 4, type, flags)
    image.put(64 + index * 56 + 8, 8, place, address, address, size, size + 64, 8)
  } else {
    image.put(52 + index * 32, 4, type, place, address, address, size, size + 64, flags, 4)
  }
}

/** `.eh_frame_hdr` with a table of two, and `.eh_frame` with a CIE and two FDEs. */
function unwind(image: Image, place: number): void {
  image.put(place, 1, 1, 0x1b, 0x03, 0x3b)
  image.put(place + 4, 4, 28, 2, -0x100, 48, -0xc0, 64)
  image.put(place + 32, 4, 12, 0, 0, 0)
  image.put(place + 48, 4, 12, 20, -0x150, 16)
  image.put(place + 64, 4, 12, 36, -0x120, 16)
}

function program(is64: boolean): Buffer {
  const image = new Image(1024)
  head(image, is64, 3)
  const rows = [
    [LOAD, 4, 0, 0x180],
    [LOAD, 5, 0x180, 0x180],
    [LOAD, 6, 0x300, 0x100],
    is64 ? [UNWIND, 4, 0x120, 28] : [DYNAMIC, 6, 0x3c0, 32],
  ]
  if (is64) image.put(32, 8, 64)
  else image.put(28, 4, 52)
  image.put(is64 ? 54 : 42, 2, is64 ? 56 : 32, rows.length)
  for (const [index, row] of rows.entries()) segment(image, is64, index, row)
  code(image, 0x180, 0x300)
  const width = is64 ? 8 : 4
  const words = [0x1180, 0x1190, 0x1300, 0x1340, 0x1400, 0]
  image.put(0x300, width, ...words)
  if (is64) unwind(image, 0x120)
  else image.put(0x3c0, 4, 3, 0x1340, 0, 0)
  return image.bytes
}

function module(): Buffer {
  const image = new Image(1200)
  head(image, true, 1)
  const names = '\0.text\0.rela.text\0.symtab\0.BTF\0__versions\0__kcrctab\0'
  image.bytes.write(names, 64, 'latin1')
  code(image, 128, 192)
  for (let at = 0; at < 4; at++) {
    image.put(192 + at * 24, 8, at * 8, 2)
    image.put(192 + at * 24 + 12, 4, at % 3)
    image.put(192 + at * 24 + 16, 8, at * 40 - 4)
    image.put(288 + at * 24, 4, at * 7, at < 2 ? 0x10003 : 0x10010, at * 16)
  }
  image.put(384, 4, 0xeb9f, 5, 6, 7, 8, 900, 1000, 1001)
  image.put(416, 4, 0x1234567, 0, 0x6d61, 0)
  image.put(480, 4, 0x7654321, 0x1234567)
  // Of each section: where its name is, type, place, size, and what it is for.
  const sections = [
    [0, 0, 0, 0, 0],
    [1, 1, 128, 64, 0],
    [7, 4, 192, 96, 1],
    [18, 2, 288, 96, 0],
    [26, 1, 384, 32, 0],
    [31, 1, 416, 64, 0],
    [42, 1, 480, 8, 0],
    [0, 3, 64, 52, 0],
  ]
  for (const [index, [name = 0, type = 0, place = 0, size = 0, info = 0]] of sections.entries()) {
    const at = 512 + index * 64
    image.put(at, 4, name, type)
    image.put(at + 24, 8, place, size)
    image.put(at + 44, 4, info)
  }
  image.put(40, 8, 512)
  image.put(58, 2, 64, sections.length, sections.length - 1)
  return image.bytes
}

/** How each is predicted (1: as a program, 2: as a module), and the file. */
export function elfSeeds(): { prediction: number; segments: number; file: Buffer }[] {
  return [
    { prediction: 1, segments: 3, file: program(true) },
    { prediction: 1, segments: 3, file: program(false) },
    { prediction: 2, segments: 0, file: module() },
  ]
}
