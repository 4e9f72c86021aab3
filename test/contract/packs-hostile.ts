/**
 * Packs that lie: each limit at the limit and one past it, and what can't be, refused with the frame and the place.
 * Host-neutral.
 */
import * as assert from 'uvu/assert'
import type { Host, Path } from '../../src/host.ts'
import { arrayOfBytes } from '../../src/text.ts'
import {
  blockWords,
  byte,
  concat,
  type FileFrame,
  FLAG,
  frame,
  frameContent,
  indexOf,
  KIND,
  type Part,
  packOf,
  sameManifest,
  section,
  signed,
  zstdFrame,
} from '../support/pack-bytes.ts'
import { suite } from '../support/suite.ts'
import { PackKit } from './pack-kit.ts'
import { randomBytes } from './sample-bytes.ts'

const MIB = 1024 * 1024
const BASE = randomBytes(1000, 5)
const OLD = { f: BASE }
/** Three files, of 10 bytes, 1000, and none. */
const MADE = { a: randomBytes(10, 1), f: BASE, z: new Uint8Array(0) }
const MANIFEST = sameManifest(5)
const TEN = arrayOfBytes('ten bytes.')

const bytesOf = (...values: number[]) => Uint8Array.from(values)
const times = (count: number, part: Part) => new Array<Part>(count).fill(part)

export function packsHostileContract(name: string, host: Host, scratch: Path): void {
  const kit = new PackKit(host, scratch)
  const test = suite(name)

  const outcomes = (pack: Uint8Array) => kit.take(pack, OLD, MADE).map(({ outcome }) => outcome)
  const refuses = (pack: Uint8Array, pattern: RegExp) =>
    assert.throws(
      () => outcomes(pack),
      (error: Error) => {
        assert.is(error.name, 'PackError', String(error))
        assert.match(error.message, pattern)
        assert.match(error.message, /^pack 41-42: frame \d+ at \d+, place \d+: /)
        return true
      },
    )
  /** A pack of one frame with these records. */
  const packOfRecords = (control: Uint8Array, more: object = {}) =>
    packOf([MANIFEST], [{ bytes: frame(KIND.files, { control, ...more }), entry: 1 }])
  const packOfFrames = (...frames: [number, object, number?][]) =>
    packOf(
      [MANIFEST],
      frames.map(([kind, sections, entry = 1]): FileFrame => {
        return { bytes: frame(kind, sections), entry, goesOn: kind === KIND.more }
      }),
    )
  /** A record of the file `f` with a base, which is the second entry. */
  const delta = (flags: number, ...words: Part[]) =>
    section(2, byte(FLAG.base | flags), signed(-1), ...words)
  const packOfDelta = (control: Uint8Array, more: object = {}) =>
    packOf([MANIFEST], [{ bytes: frame(KIND.files, { control, ...more }), entry: 2 }])
  const copy = blockWords([{ text: 0, length: 1000, old: 0 }])

  test('frames: what zstd unpacks', () => {
    const large = frameContent(KIND.manifest, { text: new Uint8Array(MIB - 8) })
    assert.is(large.length, MIB)
    assert.throws(() => outcomes(zstdFrame(large)), /the pack is too short/)
    refuses(zstdFrame(concat([large, byte(0)])), /it unpacks to 1048577 bytes, at most 1048576/)
    const head = (...bytes: number[]) => zstdFrame(new Uint8Array(9), bytes)
    refuses(head(0x80, 0x51, 9, 0, 0, 0), /its window is 1179648 bytes, at most 1048576/)
    refuses(head(0x80, 0x50, 9, 0, 0, 0), /version 0, and only 1 is known/)
    refuses(head(0x00, 0x50), /it doesn't state its content size/)
    refuses(head(0xa1, 1, 9, 0, 0, 0), /or with a dictionary/)
    refuses(head(0xe0, 0, 0, 0, 0, 1, 0, 0, 0), /it unpacks to 4294967296 bytes/)
    refuses(concat([bytesOf(0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0), TEN]), /zstd frame/)
    refuses(arrayOfBytes('<html>This is no pack.</html>'), /no zstd frame/)
    refuses(head(0xa0, 8, 0, 0, 0), /broken zstd frame/)
    refuses(head(0xa0, 10, 0, 0, 0), /broken zstd frame/)
  })

  test('frames: a bomb, and one without end', () => {
    // A block that is one byte 128 Ki times takes four bytes.
    const bomb = (blocks: number, last: boolean) =>
      concat([
        bytesOf(0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 16, 0),
        ...new Array<Uint8Array>(blocks - 1).fill(bytesOf(2, 0, 16, 7)),
        bytesOf(last ? 3 : 2, 0, 16, 7),
      ])
    refuses(bomb(8, true), /version 7, and only 1 is known/)
    refuses(bomb(9, true), /broken zstd frame/)
    refuses(bomb(100, true), /broken zstd frame/)
    assert.throws(() => outcomes(bomb(7, false)), /the pack is too short/)
    // Blocks of nothing, for as long as the frame may be.
    const nothing = new Uint8Array(3 * 400_000)
    const endless = concat([bytesOf(0x28, 0xb5, 0x2f, 0xfd, 0xa0, 2, 0, 0, 0), nothing])
    refuses(endless, /it takes more than 1052672 bytes/)
  })

  test('frames: sections and numbers', () => {
    const raw = (...bytes: number[]) => zstdFrame(bytesOf(...bytes))
    refuses(raw(2, 0, 0, 0, 0, 0), /version 2, and only 1 is known/)
    refuses(raw(1, 4, 0, 0, 0, 0), /kind 4, at most 3/)
    refuses(raw(1), /2 bytes of control are wanted, and 1 are left/)
    refuses(raw(1, 0, 1, 0, 0, 0), /its sections have 1 bytes, and there are 0/)
    refuses(raw(1, 0, 0, 0, 0, 0, 9), /its sections have 0 bytes, and there are 1/)
    refuses(raw(1, 0, 200, 1, 0, 0, 0), /the length of a section is 200, at most 7/)
    refuses(raw(1, 0, 0x80, 0, 0, 0, 0), /the length of a section has a needless byte/)
    const endless = raw(1, 0, ...new Array<number>(8).fill(0xff), 0)
    refuses(endless, /the length of a section has no end within 7 bytes/)
    const largest = raw(1, 0, ...new Array<number>(6).fill(0xff), 0x7f, 0)
    refuses(largest, /the length of a section is 562949953421311, at most/)
  })

  test('the index: order, and what it says of frames', () => {
    const one = { bytes: frame(KIND.files, { control: section(1, byte(0)), text: TEN }), entry: 1 }
    const more = { bytes: frame(KIND.more, {}), entry: 1, goesOn: true }
    const index = (...rows: number[]) => frame(KIND.index, { control: section(...rows) })
    const pack = (index: Uint8Array, ...frames: { bytes: Uint8Array }[]) =>
      concat([MANIFEST, index, ...frames.map(({ bytes }) => bytes)])
    refuses(pack(index(2, 20, 1, 20, 0), one, one), /row 1 of the index is out of order/)
    refuses(pack(index(1, 0, 1), one), /row 0 of the index is a frame of no bytes/)
    refuses(pack(index(2, 20, 1, 1, 0), one, more), /row 1 of the index is a frame of no bytes/)
    refuses(pack(index(1, 20, 0), one), /row 0 of the index is out of order/)
    refuses(pack(index(1, 21, 0), more), /row 0 of the index is out of order/)
    refuses(pack(index(2, 20, 1, 21, 1), one, more), /row 1 of the index is out of order/)
    refuses(pack(index(1, 20, 1, 0), one), /the index goes on/)
    refuses(pack(index(1, 20, 1), one), /\d+ bytes of kind 1, but the index has 10 of 1/)
    refuses(pack(indexOf([{ ...more, goesOn: false }]), more), /of kind 2, but the index has/)
    refuses(pack(indexOf([{ ...one, entry: 2 }]), one), /entry 1 in a stretch that begins with 2/)
    refuses(pack(index(1, 2 * 1052672 + 2, 1)), /a frame's length is 2105346, at most 2105345/)
    refuses(pack(index(1, 20, 1400001)), /an entry's number is 1400001, at most 1400000/)
    refuses(pack(MANIFEST, one), /kind 1; at most 128 frames of the manifest, then the index/)
    refuses(pack(index(1, 2 * (one.bytes.length + 1), 1), one, { bytes: byte(0) }), /but the index/)
    refuses(pack(indexOf([one])), /the pack ends within it/)
    const full = section(16384, ...Array.from({ length: 16384 }, () => [20, 1]).flat())
    const many = concat([MANIFEST, frame(KIND.index, { control: full })])
    refuses(many, /the pack ends within it/)
    refuses(pack(index(16385)), /the number of frames is 16385, at most 16384/)
  })

  test('records: flags, entries and bases', () => {
    for (const flags of [2, 8, 16, 32, 64, 128, 49]) {
      refuses(packOfRecords(section(1, byte(flags), ...times(40, 0))), /flags \d+ can't be/)
    }
    const twice = section(1, byte(0), 0, byte(0))
    refuses(packOfRecords(twice, { text: TEN }), /entry 1 comes twice/)
    const next = packOfFrames(
      [KIND.files, { control: section(1, byte(0), 1, byte(0)), text: TEN }],
      [KIND.files, { control: section(2, byte(0)) }, 2],
    )
    refuses(next, /entry 2 in a stretch that begins with 1, before one that begins with 2/)
    const past = packOf(
      [MANIFEST],
      [{ bytes: frame(KIND.files, { control: section(4, byte(0)) }), entry: 4 }],
    )
    refuses(past, /entry 4 of the new manifest, which has 4/)
    const base = (flags: number, way: number) =>
      packOfRecords(section(1, byte(FLAG.base | flags), signed(way), 0), { text: TEN })
    refuses(base(0, 1), /entry 2 of the old manifest, which has 2/)
    refuses(base(0, -1), /entry 0 of the old manifest: .*is no regular file/)
    refuses(base(0, -2), /entry 1 has entry -1 of the old tree as its base/)
    refuses(base(FLAG.baseNew, 0), /entry 1 has entry 1 of the new tree as its base/)
    refuses(base(FLAG.baseNew, 1), /entry 1 has entry 2 of the new tree as its base/)
    assert.is(outcomes(base(0, 0)).length, 1)
  })

  test('records: what makes them long', () => {
    const gzip = (length: number, size: number) =>
      section(1, byte(FLAG.opened), length, new Uint8Array(length), size)
    const opened = { text: TEN }
    refuses(packOfRecords(gzip(9, 10), opened), /a gzip header of 9 bytes, at least 10/)
    refuses(packOfRecords(gzip(1025, 10), opened), /the length of a gzip header is 1025, at most/)
    assert.is(outcomes(packOfRecords(gzip(10, 10), opened)).length, 1)
    assert.is(outcomes(packOfRecords(gzip(1024, 10), opened)).length, 1)
    refuses(
      packOfRecords(gzip(10, 4 * MIB + 1)),
      /size of an opened .gz is 4194305, at most 4194304/,
    )
    refuses(packOfRecords(gzip(10, 4 * MIB)), /a file goes on, and its frames don't/)
    const segments = (count: number) =>
      delta(FLAG.elf, count, ...times(4 * count + 2, 0), ...blockWords([]))
    refuses(packOfDelta(segments(17)), /the number of segments is 17, at most 16/)
    const text = { text: BASE }
    assert.is(outcomes(packOfDelta(segments(16), text)).length, 1)
    refuses(packOfDelta(delta(0, 65537)), /the number of blocks is 65537, at most 65536/)
    refuses(packOfDelta(delta(0, 65536)), /the text before a block has no end/)
  })

  test('an opened base of 4 MiB, and not a byte more', () => {
    const take = (size: number) => {
      const blocks = blockWords([{ text: 0, length: 1000, old: size - 1000 }])
      const control = section(1, byte(FLAG.base | FLAG.baseOpened), signed(0), ...blocks)
      const bytes = frame(KIND.files, { control, gaps: section(1000) })
      const pack = packOf([sameManifest(3)], [{ bytes, entry: 1 }])
      const [taken] = kit.take(pack, { f: storedGzip(size) }, OLD)
      return JSON.stringify(taken?.outcome)
    }
    assert.match(take(4 * MIB), /^{"size":1000,/)
    assert.match(take(4 * MIB + 1), /it is no .gz, or of more than 4 MiB/)
  })

  test('blocks: within the content, and within the base', () => {
    const block = (text: number, length: number, old: number) =>
      packOfDelta(delta(0, ...blockWords([{ text, length, old }])), { gaps: section(1000) })
    refuses(block(1001, 1, 0), /the text before a block is 1001, at most 1000/)
    refuses(block(0, 1001, 0), /twice a block's length is 2003, at most 2001/)
    refuses(block(999, 2, 0), /twice a block's length is 5, at most 3/)
    refuses(block(0, 0, 0), /a block without bytes/)
    refuses(block(0, 1000, -1), /a block of 1000 bytes at -1 of the base/)
    refuses(block(0, 1000, 2 ** 32 - 1000), /a block of 1000 bytes at 4294966296 of the base/)
    const reason = 'it has 1000 bytes, and those up to 4294967295 are wanted'
    assert.equal(outcomes(block(0, 1000, 2 ** 32 - 1001)), [{ failed: 'base', reason }])
    assert.match(JSON.stringify(outcomes(block(0, 1000, 1))), /those up to 1001 are wanted/)
    assert.match(JSON.stringify(outcomes(block(0, 1000, 0))), /^\[{"size":1000,/)
  })

  test('fixes: as many as the blocks have room for', () => {
    const pack = (gaps: Part[], fixes: number[]) =>
      packOfDelta(delta(0, ...copy), { gaps: section(...gaps), fixes: bytesOf(...fixes) })
    assert.is(outcomes(pack([999, 0], [1])).length, 1)
    refuses(pack([999, 1], [1]), /a fix is 1 bytes behind the last block/)
    refuses(pack([1001], []), /a fix is 1 bytes behind the last block/)
    refuses(pack([999, 0], [0]), /a fix of 0/)
    refuses(pack([999], [1]), /a file goes on, and its frames don't/)
    refuses(pack([999, 0], []), /a section ends in a file, and others don't/)
    refuses(pack([2 ** 32], []), /the way to a fix is 4294967296, at most 4294967295/)
    refuses(pack([1000, 0], []), /its records have ended, and its other sections have not/)
    refuses(pack([1000], [5]), /its records have ended, and its other sections have not/)
  })

  test('stretches: files go on where they do, and end where they do', () => {
    const whole = section(1, byte(0))
    const half = TEN.subarray(0, 5)
    const more = (text: Uint8Array, control?: Uint8Array): [number, object] => [
      KIND.more,
      { text, ...(control ? { control } : {}) },
    ]
    const first: [number, object] = [KIND.files, { control: whole, text: half }]
    assert.is(outcomes(packOfFrames(first, more(half))).length, 1)
    refuses(packOfFrames(first), /a file goes on, and its frames don't/)
    refuses(packOfFrames(first, more(half), more(half)), /goes on with a file that has ended/)
    refuses(packOfFrames(first, more(TEN)), /its records have ended, and its other sections have/)
    refuses(
      packOfFrames(first, more(half, section(1, byte(0)))),
      /goes on with a file, and has rec/,
    )
    const nothing = new Uint8Array(0)
    assert.is(outcomes(packOfFrames(first, more(nothing), more(half))).length, 1)
    const second: [number, object, number] = [KIND.files, { control: whole, text: half }, 2]
    refuses(packOfFrames(first, second), /a file goes on, and its frames don't/)
    refuses(packOfRecords(nothing), /the way to an entry has no end/)
  })

  test('after an error a pack is only closed', () => {
    const { packs } = host
    const pack = packs.openPack(kit.file(arrayOfBytes('no pack at all, but text')), 'x')
    assert.throws(() => packs.nextStretch(pack), /the pack's index was not read/)
    assert.throws(() => packs.openFiles(pack, { old: undefined, new: kit.file() }), /no zstd frame/)
    assert.throws(() => packs.nextStretch(pack), /the pack failed before/)
    packs.closePack(pack)
    packs.closePack(pack)
    assert.throws(() => packs.nextFile(pack), /no open pack/)
    // Whatever else it is given stays as it was.
    const other = host.delta.openRebuilder('none', 'md5')
    packs.closePack(other)
    assert.is(host.delta.ended(other), false)
    host.delta.closeRebuilder(other)
  })

  test('any byte that is another one does no harm', () => {
    const control = concat([section(1, byte(0)), section(1), delta(0, ...copy).subarray(1)])
    const sections = { control, gaps: section(500, 499), fixes: bytesOf(9), text: TEN }
    const pack = packOf([MANIFEST], [{ bytes: frame(KIND.files, sections), entry: 1 }])
    assert.is(outcomes(pack).length, 2)
    for (let at = 0; at < pack.length; at++) {
      for (const value of [0, 0x7f, 0x80]) {
        const broken = pack.slice()
        broken[at] = value
        try {
          outcomes(broken)
        } catch (error) {
          assert.match(String(error), /PackError: pack 41-42: frame|the pack is too short/)
        }
      }
    }
  })

  test.run()
}

/** A .gz of so many zeros, in blocks that deflate leaves as they are, with the right sum for 4 MiB. */
function storedGzip(size: number): Uint8Array {
  const parts = [bytesOf(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3)]
  for (let left = size; left > 0; ) {
    const length = Math.min(left, 65535)
    left -= length
    const [low, high] = [length & 255, length >> 8]
    parts.push(bytesOf(left === 0 ? 1 : 0, low, high, 255 - low, 255 - high))
    parts.push(new Uint8Array(length))
  }
  const sum = bytesOf(0x6a, 0x40, 0x47, 0x11)
  return concat([...parts, sum, bytesOf(...[0, 8, 16, 24].map((shift) => (size >>> shift) & 255))])
}
