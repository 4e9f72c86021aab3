/** Packs to begin with: a manifest, and files of each kind, in the form that the targets take. */
import { gzipSync } from 'node:zlib'
import {
  blockWords,
  byte,
  concat,
  FLAG,
  frame,
  KIND,
  type Part,
  packOf,
  sameManifest,
  section,
  signed,
} from '../support/pack-bytes.ts'
import { elfSeeds } from './elf-seeds.ts'

const short = (value: number) => Buffer.from([value & 0xff, value >> 8])
const latin = (text: string) => Buffer.from(text, 'latin1')

/** Each file moved by some bytes, in blocks that go on where the one before them ended. */
export function predictSeeds(): Uint8Array[] {
  return elfSeeds().flatMap(({ prediction, segments, file }) =>
    [file.length, 300, 100].map((length) => {
      const count = Math.min(15, Math.ceil(file.length / length))
      const blocks = Array.from({ length: count }, (_, at) =>
        Buffer.concat([byte(at === 0 ? 0 : 8), short(at * length), short(length)]),
      )
      const shifts = shape(segments)
      const moved = [byte(shifts.length), ...shifts.map(short)]
      return Buffer.concat([byte(prediction), byte(count), ...blocks, ...moved, file])
    }),
  )
}

/** Place, address, size and memory of each segment; unwind table, GOT: how they moved. */
const shape = (segments: number) => [
  ...Array.from({ length: segments }, () => [0, 16, 0, 0]).flat(),
  16,
  16,
]

function manifest(sizes: number[]): Buffer {
  const rest = (digest: string) => `mode=0644 uid=0 gid=0 time=5.000000000 sha256digest=${digest}`
  const lines = sizes.map(
    (size, at) => `./f${at} type=file size=${size} ${rest(`${at}0`.repeat(32))}\n`,
  )
  return latin(`#mtree v2.0\n. type=dir mode=0755 uid=0 gid=0 time=5.0\n${lines.join('')}`)
}

interface Sections {
  control: Uint8Array
  gaps?: Uint8Array
  fixes?: Uint8Array
  text?: Uint8Array
}

/** A frame as the target takes it. */
function bare(kind: number, { control, gaps, fixes, text }: Sections): Buffer {
  const sections = [control, gaps, fixes, text].map((each) => each ?? new Uint8Array(0))
  return Buffer.concat([byte(kind), ...sections.map(({ length }) => short(length)), ...sections])
}

/** Old and new manifest, the base, and the pack. */
function input(choice: number, sizes: number[][], base: Uint8Array, pack: Uint8Array): Uint8Array {
  const [old = [], made = []] = sizes
  const texts = [manifest(old), byte(0), manifest(made), byte(0)]
  return Buffer.concat([byte(choice), ...texts, short(base.length), base, pack])
}

/** A file that is its base, in one block, with some bytes before and behind it. */
function fromBase(base: Uint8Array, flags: number, more: Part[] = []): Sections {
  const blocks = blockWords([{ text: 3, length: base.length, old: 0 }])
  const control = section(1, byte(FLAG.base | flags), signed(0), ...more, ...blocks)
  const gaps = section(7, base.length - 8)
  return { control, gaps, fixes: byte(9), text: latin('new, and old') }
}

/** The manifest's changes, of each kind. */
function manifestSeeds(): Uint8Array[] {
  const line = `./f9 type=file size=5 mode=0644 uid=0 gid=0 time=5.0 sha256digest=\n`
  const control = section(
    2,
    byte(4 + 16 + 32),
    0,
    byte(4 + 8),
    0,
    byte(3),
    0,
    byte(1),
    0,
    byte(2),
    0,
    byte(0),
  )
  const gaps = section(signed(7), 1, signed(100), 5)
  const frames = { control, gaps, fixes: Buffer.alloc(96, 7), text: latin(line + line) }
  const sizes = [[5, 6, 7, 8], []]
  const none = new Uint8Array(0)
  return [
    input(2, sizes, none, bare(KIND.manifest, frames)),
    input(2, sizes, none, bare(KIND.manifest, { control: section(6, byte(0)) })),
    input(3, sizes, none, concat([frame(KIND.manifest, frames), sameManifest(1)])),
  ]
}

export function packSeeds(): Uint8Array[] {
  const text = latin('the old text of a base, which is long enough to be one')
  const gz = gzipSync(text)
  const whole = bare(KIND.files, {
    control: section(1, byte(0), 1, byte(0)),
    text: latin('abcdef'),
  })
  const more = Buffer.concat([
    bare(KIND.files, { control: section(1, byte(0)), text: latin('abc') }),
    bare(KIND.more, { control: section(), text: latin('def') }),
  ])
  const plain = bare(KIND.files, fromBase(text, 0))
  const opened = bare(KIND.files, fromBase(text, FLAG.baseOpened))
  const header = [10, Buffer.from(gz.subarray(0, 10)), text.length + 12]
  const closed = bare(KIND.files, fromBase(text, FLAG.opened | FLAG.baseOpened, header))
  const frames = [
    { bytes: frame(KIND.files, { control: section(1, byte(0)), text: latin('abc') }), entry: 1 },
  ]
  const size = text.length + 12
  const none = new Uint8Array(0)
  const programs = elfSeeds().map(({ prediction, segments, file }) => {
    const flag = prediction === 1 ? FLAG.elf : FLAG.module
    const moves = prediction === 1 ? [segments, ...shape(segments).map(signed)] : []
    return input(
      0,
      [[file.length], [file.length + 12]],
      file,
      bare(KIND.files, fromBase(file, flag, moves)),
    )
  })
  return [
    ...manifestSeeds(),
    input(0, [[], [3, 3]], none, whole),
    input(0, [[], [6]], none, more),
    input(1, [[], [3]], none, packOf([sameManifest(1)], frames)),
    input(0, [[text.length], [size]], text, plain),
    input(0, [[gz.length], [size]], gz, opened),
    input(0, [[gz.length], [80]], gz, closed),
    ...programs,
  ]
}
