/** What native:packs promises about manifests and files, for any host. Runs in Node and in QuickJS: no Node types here. */
import * as assert from 'uvu/assert'
import type { Host, Path } from '../../src/host.ts'
import { arrayOfBytes, bytesOfArray } from '../../src/text.ts'
import {
  blockWords,
  byte,
  concat,
  difference,
  FLAG,
  frame,
  KIND,
  packOf,
  sameManifest,
  section,
  signed,
} from '../support/pack-bytes.ts'
import { suite } from '../support/suite.ts'
import { PackKit, type Tree } from './pack-kit.ts'
import { fromHex, randomBytes, text, textDeflate, textZstd } from './sample-bytes.ts'

const bytes = arrayOfBytes

/** A file that comes whole. */
const whole = (way: number) => section(way, byte(0))

function files(
  control: Uint8Array,
  more: { gaps?: Uint8Array; fixes?: Uint8Array; text?: Uint8Array },
) {
  return frame(KIND.files, { control, ...more })
}

export function packsContract(name: string, host: Host, scratch: Path): void {
  manifestsContract(`${name}, manifests`, host, scratch)
  const kit = new PackKit(host, scratch)
  const { packs } = host
  const test = suite(name)

  test('files that come whole, and one from its base in the old tree', () => {
    const old: Tree = { b: bytes('the old text of b, which is long enough') }
    const made: Tree = {
      a: bytes('a'),
      b: bytes('now: the old Text of b, and that is all'),
      c: bytes(''),
    }
    const block = { text: 5, length: 16, old: 0 }
    const { gaps, fixes } = difference(bytes('the old text of '), bytes('the old Text of '))
    const control = section(
      whole(1),
      1,
      byte(FLAG.base),
      signed(-1),
      ...blockWords([block]),
      whole(1),
    )
    const all = bytes('anow: b, and that is all')
    const bytesOfFrame = files(control, { gaps, fixes, text: all })
    const pack = packOf([sameManifest(5)], [{ bytes: bytesOfFrame, entry: 1 }])
    const taken = kit.take(pack, old, made)
    assert.equal(
      taken.map(({ path, entry, base }) => ({ path, entry, base })),
      [
        { path: 'a', entry: 1, base: undefined },
        { path: 'b', entry: 2, base: { tree: 'old', path: 'b' } },
        { path: 'c', entry: 3, base: undefined },
      ],
    )
    for (const { path, outcome, content, size, digest, teaches } of taken) {
      assert.is(bytesOfArray(content), bytesOfArray(made[path] as Uint8Array))
      assert.equal(outcome, { size, digest })
      assert.not.ok(teaches)
    }
  })

  test('a base of the new tree, in a frame of its own', () => {
    const made: Tree = {
      a: text,
      b: concat([text.subarray(0, 200), bytes('!'), text.subarray(200)]),
    }
    const blocks = blockWords([
      { text: 0, length: 200, old: 0 },
      { text: 1, length: text.length - 200, old: 200 },
    ])
    const record = section(1, byte(FLAG.base | FLAG.baseNew), signed(-1), ...blocks)
    const gaps = section(text.length)
    const pack = packOf(
      [sameManifest(4)],
      [
        { bytes: files(whole(1), { text }), entry: 1 },
        { bytes: files(section(2, record.subarray(1)), { gaps, text: bytes('!') }), entry: 2 },
      ],
    )
    const taken = kit.take(pack, undefined, made)
    assert.equal(taken[1]?.base, { tree: 'new', path: 'a' })
    assert.equal(taken[1]?.outcome, {
      size: made.b?.length,
      digest: kit.digest(made.b as Uint8Array),
    })
  })

  test('a frame that is compressed', () => {
    // The sample's frame holds the text alone; a pack's must hold a head, so this one is refused for its version.
    assert.throws(() => kit.take(textZstd, undefined, {}), /frame 0 at 0.*version 108/)
  })

  test('a file goes on from frame to frame, whatever section ends first', () => {
    const base = randomBytes(150_000, 1)
    const changed = base.map((value, i) => (i % 30_000 === 29_999 ? value + 1 : value))
    const content = concat([bytes('head'), changed, bytes('and a tail')])
    const blocks = blockWords([{ text: 4, length: base.length, old: 0 }])
    const control = section(1, byte(FLAG.base), signed(0), ...blocks)
    const one = byte(1)
    const more = (sections: object) => ({
      bytes: frame(KIND.more, sections),
      entry: 1,
      goesOn: true,
    })
    const pack = packOf(
      [sameManifest(3)],
      [
        { bytes: files(control, { text: bytes('he') }), entry: 1 },
        more({ gaps: section(29_999), text: bytes('ad') }),
        more({ fixes: one, gaps: section(29_999) }),
        more({ fixes: concat([one, one]), gaps: section(29_999, 29_999) }),
        more({ fixes: one }),
        more({ gaps: section(29_999), fixes: one }),
        more({ gaps: section(0), text: bytes('and') }),
        more({ text: bytes(' a tail') }),
      ],
    )
    const [taken] = kit.take(pack, { f: base }, { f: content })
    assert.equal(taken?.outcome, { size: content.length, digest: kit.digest(content) })
  })

  test('stretches say where they are, and can be left out', () => {
    const made: Tree = { a: bytes('A'), b: bytes('B'), c: bytes('C'), d: bytes('D') }
    const frames = [
      { bytes: files(section(whole(1), whole(1)), { text: bytes('AB') }), entry: 1 },
      { bytes: files(section(whole(3)), { text: bytes('C') }), entry: 3 },
      { bytes: files(section(whole(4)), { text: bytes('D') }), entry: 4 },
    ]
    const fd = kit.file(packOf([sameManifest(6)], frames))
    const pack = packs.openPack(fd, 'some')
    const manifest = kit.file(bytes(kit.manifest(made)))
    assert.ok(packs.openFiles(pack, { old: undefined, new: manifest }))
    const first = packs.nextStretch(pack)
    assert.is(first?.end, (first?.start ?? 0) + (frames[0]?.bytes.length ?? 0))
    assert.equal([first?.first, first?.next], [1, 3])
    assert.is(packs.nextFile(pack)?.path, 'a')
    assert.equal(packs.nextStretch(pack)?.first, 3)
    assert.equal(packs.nextStretch(pack)?.next, Number.POSITIVE_INFINITY)
    assert.is(packs.nextFile(pack)?.path, 'd')
    assert.equal(packs.applyFile(pack, undefined, undefined), {
      size: 1,
      digest: kit.digest(bytes('D')),
    })
    assert.throws(() => packs.applyFile(pack, undefined, undefined), /no file/)
    assert.is(packs.nextFile(pack), undefined)
    assert.is(packs.nextStretch(pack), undefined)
    assert.is(packs.nextFile(pack), undefined)
    packs.closePack(pack)
    assert.throws(() => packs.nextStretch(pack), /no open pack/)
  })

  test('what is not wanted, or has no base, is passed over, and the rest comes out', () => {
    const base = bytes('base of b and c')
    const made: Tree = { a: bytes('text of a'), b: base, c: base, d: bytes('text of d') }
    const delta = section(...blockWords([{ text: 0, length: base.length, old: 0 }]))
    const record = (way: number, to: number) => section(way, byte(FLAG.base), signed(to), delta)
    const control = section(whole(1), record(1, -1), record(1, -2), whole(1))
    const gaps = section(base.length, base.length)
    const pack = packOf(
      [sameManifest(6)],
      [{ bytes: files(control, { gaps, text: bytes('text of atext of d') }), entry: 1 }],
    )
    const opened = packs.openPack(kit.file(pack), 'some')
    const manifests = {
      old: kit.file(bytes(kit.manifest({ b: base }))),
      new: kit.file(bytes(kit.manifest(made))),
    }
    assert.ok(packs.openFiles(opened, manifests))
    packs.nextStretch(opened)
    packs.nextFile(opened)
    packs.nextFile(opened)
    assert.equal(packs.applyFile(opened, undefined, kit.file()), {
      failed: 'base',
      reason: 'there is none',
    })
    packs.nextFile(opened)
    const short = packs.applyFile(opened, kit.file(base.subarray(1)), kit.file())
    assert.equal(short, {
      failed: 'base',
      reason: 'it has 14 bytes, and those up to 15 are wanted',
    })
    assert.is(packs.nextFile(opened)?.path, 'd')
    const target = kit.file()
    packs.applyFile(opened, undefined, target)
    assert.is(bytesOfArray(kit.contentOf(target)), 'text of d')
    packs.closePack(opened)
  })

  test('a .gz is opened and closed again', () => {
    const head = fromHex('1f8b0800000000000203')
    const trailer = (sum: string, length: number) =>
      concat([fromHex(sum), Uint8Array.of(length & 255, length >> 8, 0, 0)])
    const content = concat([bytes('New: '), text])
    const control = section(
      1,
      byte(FLAG.base | FLAG.opened | FLAG.baseOpened),
      signed(0),
      head.length,
      head,
      content.length,
      ...blockWords([{ text: 5, length: text.length, old: 0 }]),
    )
    const pack = packOf(
      [sameManifest(3)],
      [{ bytes: files(control, { gaps: section(text.length), text: bytes('New: ') }), entry: 1 }],
    )
    const sound = concat([head, textDeflate, trailer(crc(text), text.length)])
    const [taken] = kit.take(pack, { f: sound }, { f: content })
    const made = taken?.content as Uint8Array
    assert.equal([...made.subarray(0, 10)], [...head])
    assert.equal([...made.subarray(-8)], [...trailer(crc(content), content.length)])
    // As GNU gzip has it, and zlib too for so few symbols.
    assert.is(kit.digest(made), 'eec8bc3b1f1ca85f1ae7be0d275421789c93244ed82813a7021f86bdbd0538d1')
    const [broken] = kit.take(pack, { f: sound.subarray(0, 60) }, { f: content })
    assert.match(JSON.stringify(broken?.outcome), /it is no .gz, or of more than 4 MiB/)
  })

  test('a pack that is still growing is read as far as it is there', () => {
    const made: Tree = { a: bytes('A') }
    const pack = packOf(
      [sameManifest(3)],
      [{ bytes: files(whole(1), { text: bytes('A') }), entry: 1 }],
    )
    const old = kit.file(bytes(kit.manifest(made)))
    const growing = kit.file()
    const opened = packs.openPack(growing, 'growing')
    let there = 0
    for (const step of [0, 3, 17, 30, 48]) {
      host.files.write(growing, pack, there, step - there)
      there = step
      const rebuilt = packs.rebuildManifest(opened, old, kit.file(), 1e6)
      assert.is(rebuilt !== undefined, step >= sameManifest(3).length)
      assert.is(packs.openFiles(opened, { old, new: old }), step === 48)
    }
    host.files.write(growing, pack, there, pack.length - there)
    assert.ok(packs.openFiles(opened, { old, new: old }))
    assert.is(packs.nextStretch(opened)?.end, pack.length)
    packs.closePack(opened)
  })

  test.run()
}

/** CRC-32 as a .gz has it, in hex. */
function crc(content: Uint8Array): string {
  let sum = 0xffffffff
  for (const value of content) {
    sum ^= value
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0)
  }
  const end = ~sum >>> 0
  return [0, 8, 16, 24]
    .map((shift) => ((end >>> shift) & 255).toString(16).padStart(2, '0'))
    .join('')
}

function manifestsContract(name: string, host: Host, scratch: Path): void {
  const kit = new PackKit(host, scratch)
  const { packs } = host
  const test = suite(name)

  function rebuilt(
    frames: Uint8Array[],
    old: string | undefined,
    sizeMax = 1e6,
  ): string | undefined {
    const pack = packs.openPack(kit.file(concat(frames)), '41-42')
    const target = kit.file()
    try {
      const oldManifest = old === undefined ? undefined : kit.file(bytes(old))
      const result = packs.rebuildManifest(pack, oldManifest, target, sizeMax)
      const content = kit.contentOf(target)
      if (result) assert.equal(result, { size: content.length, digest: kit.digest(content) })
      return result && bytesOfArray(content)
    } finally {
      packs.closePack(pack)
    }
  }

  const zeros = '0'.repeat(64)
  const line = (path: string, time: string, size: number, digest = zeros) =>
    `./${path} type=file mode=0644 uid=0 gid=0 size=${size} time=${time} sha256digest=${digest}\n`
  const filled = (value: number) => new Uint8Array(32).fill(value)

  test('lines stay, go, come and change their words', () => {
    const t = '1700000000.000000001'
    const old = `#mtree v2.0\n. type=dir\n${['a', 'b', 'c', 'd', 'e'].map((path) => line(path, t, 7)).join('')}`
    const control = section(
      ...[2, byte(1)],
      ...[0, byte(2), 0, byte(4 + 8 + 16 + 32)],
      ...[0, byte(3), 0, byte(4 + 8), 1, byte(0)],
    )
    const gaps = section(1, signed(-5), 9, signed(-2), 0)
    const added = './aa type=file sha256digest= nlink=2\n./c type=link link=x\n'
    const sections = {
      control,
      gaps,
      fixes: concat([filled(0xab), filled(0x0c)]),
      text: bytes(added),
    }
    assert.is(
      rebuilt([frame(KIND.manifest, sections)], old),
      `#mtree v2.0\n. type=dir\n./aa type=file sha256digest=${'ab'.repeat(32)} nlink=2\n` +
        `${line('b', '-5.000000009', 5, '0c'.repeat(32))}./c type=link link=x\n` +
        `${line('d', '-5.000000009', 7)}${line('e', t, 7)}`,
    )
  })

  test('without an old manifest all is new, and may take many frames', () => {
    const parts = ['#mtree v2.0\n', '. type=dir mode=0755\n', './a type=file sha256digest=\n']
    const frames = parts.map((part, i) => {
      const end = i === 2 ? [0, byte(0)] : []
      const fixes = i === 2 ? filled(1) : new Uint8Array(0)
      return frame(KIND.manifest, {
        control: section(0, byte(2), ...end),
        text: bytes(part),
        fixes,
      })
    })
    assert.is(
      rebuilt(frames, undefined),
      parts.join('').replace('digest=', `digest=${'01'.repeat(32)}`),
    )
    assert.is(rebuilt(frames.slice(0, 2), undefined), undefined)
  })

  test('what can not be is refused, with the place', () => {
    const old = `#mtree v2.0\n${line('a', '5.000000000', 7)}`
    const change = (flags: number, gaps: Uint8Array) =>
      frame(KIND.manifest, {
        control: section(1, byte(4 + flags), 0, byte(0)),
        gaps,
        fixes: filled(0),
      })
    const cases: [RegExp, Uint8Array[], number?][] = [
      [/pack 41-42: frame 0 at 0, place 8: the old manifest has no such line/, [sameManifest(3)]],
      [/the old manifest goes on where it should end/, [sameManifest(1)]],
      [/9 is no change of a line/, [frame(KIND.manifest, { control: section(1, byte(9)) })]],
      [/4 is no change of a line/, [frame(KIND.manifest, { control: section(1, byte(4)) })]],
      [/a time is said to be known, and is not/, [change(8, section(0))]],
      [/the way of a time is 2, at most 1/, [change(8, section(2))]],
      [/a time's nanoseconds is 1000000000, at most 999999999/, [change(8, section(1, 0, 1e9))]],
      [/a size becomes -1/, [change(16, section(signed(-8)))]],
      [
        /its changes have ended, and its other sections have not/,
        [frame(KIND.manifest, { control: section(0, byte(1)), text: bytes('x\n') })],
      ],
      [/the manifest has ended, and its frame has not/, [change(16, section(0))]],
      [
        /a new line has no end/,
        [frame(KIND.manifest, { control: section(2, byte(2)), text: bytes('no end') })],
      ],
      [
        /32 bytes of fixes are wanted, and 0 are left/,
        [frame(KIND.manifest, { control: section(2, byte(2)), text: bytes('x sha256digest=\n') })],
      ],
      [/the manifest grows past the 20 bytes/, [sameManifest(2)], 20],
      [/kind 1, where one of at most 128 frames/, [frame(KIND.files, { control: section(1) })]],
    ]
    for (const [pattern, frames, sizeMax] of cases) {
      assert.throws(() => rebuilt(frames, old, sizeMax), pattern)
    }
  })

  test('128 frames, and not one more', () => {
    const kept = frame(KIND.manifest, { control: section(0, byte(2)), text: bytes('#\n') })
    const end = sameManifest(0)
    const frames = new Array<Uint8Array>(127).fill(kept)
    assert.is(rebuilt([...frames, end], undefined), '#\n'.repeat(127))
    assert.throws(() => rebuilt([...frames, kept, end], undefined), /at most 128 frames/)
  })

  test.run()
}
