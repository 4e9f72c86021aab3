/**
 * What native:pack-coder promises, where a program has it: what it makes of two trees, native:packs makes files of
 * again. Runs on the hosts of publishers.
 */
import type { PackFile, PackSummary, PackWork } from 'native:pack-coder'
import * as assert from 'uvu/assert'
import { isSystemError } from '../../../src/errors.ts'
import type { Host, Path } from '../../../src/host.ts'
import { arrayOfBytes, bytesOfArray } from '../../../src/text.ts'
import { concat, packOf, sameManifest } from '../../support/pack-bytes.ts'
import { suite } from '../../support/suite.ts'
import { PackKit, type Tree } from '../pack-kit.ts'
import { randomBytes, randomNumbers, text } from '../sample-bytes.ts'

const bytes = arrayOfBytes

interface Wish {
  /** Paths of the old tree; a path of the new one after `+`. */
  from?: string[]
  isPlain?: boolean
}

class Coder extends PackKit {
  private trees = 0

  /** The trees on the disk, and what is wished of the files of the new one: all that are named. */
  work(old: Tree, made: Tree, wishes: Record<string, Wish>): PackWork {
    const lines = (tree: Tree) => new Map(Object.keys(tree).map((path, at) => [path, at + 1]))
    const [oldLines, newLines] = [lines(old), lines(made)]
    const files = Object.entries(wishes).map(([path, { from = [], isPlain = false }]): PackFile => {
      const bases = from.map((name) => {
        const isNew = name.startsWith('+')
        const base = isNew ? name.slice(1) : name
        const line = (isNew ? newLines : oldLines).get(base) as number
        return { line, path: base, isNew, size: ((isNew ? made : old)[base] as Uint8Array).length }
      })
      const size = (made[path] as Uint8Array).length
      return { line: newLines.get(path) as number, path, size, bases, isPlain }
    })
    return {
      oldTree: this.folderOf(old),
      newTree: this.folderOf(made),
      files,
      target: this.file(),
      workers: 2,
      memoryMax: 64 * 1024 * 1024,
      onProgress: () => {},
    }
  }

  /** What came of it, and the pack around it. */
  encode(work: PackWork, lines: number): { summary: PackSummary; pack: Uint8Array } {
    const { encodeFiles } = this.host.packCoder
    const summary = encodeFiles?.(work) as PackSummary
    const all = this.contentOf(work.target)
    let at = 0
    const frames = summary.frames.map(({ length, line, goesOn }) => {
      at += length
      return { bytes: all.subarray(at - length, at), entry: line, goesOn }
    })
    assert.is(at, all.length, 'the frames are all that was written')
    return { summary, pack: packOf([sameManifest(lines)], frames) }
  }

  /** Encodes, decodes, and compares everything. */
  proves(old: Tree, made: Tree, wishes: Record<string, Wish>): PackSummary {
    const work = this.work(old, made, wishes)
    const { summary, pack } = this.encode(work, Object.keys(made).length + 2)
    const taken = this.take(pack, old, made)
    assert.equal(
      taken.map(({ path }) => path),
      Object.keys(wishes),
    )
    for (const { path, outcome, size, digest } of taken)
      assert.equal(outcome, { size, digest }, path)
    return summary
  }

  private folderOf(tree: Tree) {
    const { files } = this.host
    const path = `tree-${this.trees++}`
    files.makeDirectory(this.kit.root, path, 0o755)
    const folder = files.openDirectory(this.kit.root, path)
    for (const [name, content] of Object.entries(tree)) this.kit.put(folder, name, content)
    return folder
  }

  /** Pairs that the starter of the program left: NAME.old and NAME.new. */
  pairs(): [string, Uint8Array, Uint8Array][] {
    const { files } = this.host
    const folder = files.openDirectory(this.kit.root, 'pairs')
    const read = (path: Path) => {
      const fd = files.openRead(folder, path)
      const content = this.contentOf(fd)
      files.close(fd)
      return content
    }
    const names = files.readDirectory(folder, '.').filter((name) => name.endsWith('.old'))
    return names
      .map((name) => name.slice(0, -4))
      .sort()
      .map((name) => [name, read(`${name}.old`), read(`${name}.new`)])
  }
}

const sum = ({ frames }: PackSummary) => frames.reduce((all, { length }) => all + length, 0)

/** The text with a fix in each of so many bytes, and some that are new. */
function altered(content: Uint8Array, distance: number): Uint8Array {
  const changed = content.map((byte, i) => (i % distance === 0 ? byte ^ 0x55 : byte))
  const half = changed.length >> 1
  return concat([changed.subarray(0, half), bytes('new'), changed.subarray(half)])
}

/** The same bytes, of which nobody knows that they are a program. */
function unknownKind(content: Uint8Array): Uint8Array {
  const copy = content.slice()
  copy[0] = 0
  return copy
}

export function packCoderContract(name: string, host: Host, scratch: Path): void {
  const test = suite(name)
  const coder = new Coder(host, scratch)
  const content = randomBytes(20_000, 1)

  test('a file from the old tree, one from the new tree, and one that is new', () => {
    const old = { a: content, gone: randomBytes(5000, 2) }
    const made = {
      a: altered(content, 5000),
      b: concat([bytes('b'), altered(content, 5000)]),
      c: randomBytes(3000, 3),
      d: old.gone,
    }
    const wishes = {
      a: { from: ['a'] },
      b: { from: ['a', '+a'] },
      c: { from: ['gone'] },
      d: { from: ['gone'] },
    }
    const { bytes: carried, fromBase, whole, ...summary } = coder.proves(old, made, wishes)
    assert.equal({ fromBase, whole }, { fromBase: 3, whole: 1 })
    assert.is(carried, 20_003 + 20_004 + 3000 + 5000)
    assert.ok(summary.sections.text < 3100, 'no content but the new')
    assert.equal(summary.frames, [{ length: summary.frames[0]?.length, line: 1, goesOn: false }])
  })

  test('the bytes do not depend on the threads, nor on the memory', () => {
    const names = Array.from({ length: 40 }, (_, i) => `f${String(i).padStart(2, '0')}`)
    const old: Tree = {}
    const made: Tree = {}
    const wishes: Record<string, Wish> = {}
    for (const [i, path] of names.entries()) {
      old[path] = randomBytes(2000 + 100 * i, i)
      made[path] = altered(old[path] as Uint8Array, 300)
      wishes[path] = { from: [path] }
    }
    const work = coder.work(old, made, wishes)
    const packs = [
      { workers: 1, memoryMax: 0 },
      { workers: 3, memoryMax: 2 ** 30 },
    ].map((how) => coder.encode({ ...work, ...how, target: coder.file() }, 42).pack)
    assert.equal(packs[0], packs[1])
  })

  test('files larger than a frame go on in the next', () => {
    const large = randomBytes(2_500_000, 7)
    const old = { a: large, b: large }
    const made = { a: randomBytes(2_300_000, 8), b: altered(large, 2), c: bytes('c') }
    const summary = coder.proves(old, made, { a: {}, b: { from: ['b'] }, c: {} })
    assert.equal(
      summary.frames.map(({ line, goesOn }) => `${line}${goesOn ? '+' : ''}`).join(' '),
      '1 1+ 1+ 2 2+ 2+ 3',
    )
  })

  test('a .gz is opened where the same bytes come of what is in it, and stays closed where it is to', () => {
    const pairs = coder.pairs().filter(([path]) => path.endsWith('.gz'))
    assert.is(pairs.length, 2, 'one of gzip -9, and one of gzip -1')
    for (const [path, old, made] of pairs) {
      const opened = path === 'best.gz' ? 1 : 0
      const summary = coder.proves({ a: old }, { a: made }, { a: { from: ['a'] } })
      assert.is(summary.opened, opened, path)
      if (opened) assert.ok(sum(summary) < made.length / 10, `${sum(summary)} bytes`)
      const plain = coder.proves({ a: old }, { a: made }, { a: { from: ['a'], isPlain: true } })
      assert.equal([plain.opened, plain.fromBase, plain.whole], [0, 0, 1])
    }
  })

  test('programs, libraries and modules are predicted', () => {
    const pairs = coder.pairs().filter(([path]) => !path.endsWith('.gz'))
    assert.ok(pairs.length > 0)
    for (const [path, old, made] of pairs) {
      const cost = (before: Uint8Array, after: Uint8Array) => {
        const { sections } = coder.proves({ a: before }, { a: after }, { a: { from: ['a'] } })
        return sections.gaps + sections.fixes + sections.text
      }
      const known = cost(old, made)
      const unknown = cost(unknownKind(old), unknownKind(made))
      const part = path.endsWith('.o') ? 0.95 : 0.75
      assert.ok(known < unknown * part, `${path}: ${known} bytes, and ${unknown} without`)
    }
  })

  test('what modules teach the next one of a frame is taught to both sides', () => {
    const [, old, made] = coder.pairs().find(([path]) => path.endsWith('.o')) as [
      string,
      Uint8Array,
      Uint8Array,
    ]
    const from = { from: ['a'] }
    coder.proves(
      { a: old },
      { a: made, b: altered(made, 3000), c: made, d: text },
      { a: from, b: from, c: from, d: {} },
    )
  })

  test('programs and modules whose headers lie come out again as they are', () => {
    const number = randomNumbers(5)
    const old: Tree = {}
    const made: Tree = {}
    const wishes: Record<string, Wish> = {}
    for (const [path, before, after] of coder.pairs().filter(([name]) => !name.endsWith('.gz'))) {
      for (let i = 0; i < 12; i++) {
        const name = `${path}-${String(i).padStart(2, '0')}`
        // Either may be cut short, and what is altered is in the headers at the start or the sections' at the end.
        const alter = (content: Uint8Array) => {
          const length = 20_000 + number(content.length - 20_000)
          const changed = i % 3 === 0 ? content.slice(0, length) : content.slice()
          const from = i % 2 === 0 ? 16 : changed.length - 2000
          for (let k = 0; k < 3; k++) changed[from + number(500)] = number(256)
          return changed
        }
        old[name] = alter(before)
        made[name] = alter(after)
        wishes[name] = { from: [name] }
      }
    }
    coder.proves(old, made, wishes)
  })

  test('no files make no frames', () => {
    assert.equal(coder.proves({ a: text }, { a: text }, {}).frames, [])
  })

  test('an empty base, and one of a byte', () => {
    const old = { a: bytes(''), b: bytes('b') }
    coder.proves(
      old,
      { a: bytes('abc'), b: bytes('bb') },
      { a: { from: ['a'] }, b: { from: ['b', 'a'] } },
    )
  })

  test('a file that is missing or of another size is an error with its path', () => {
    const work = coder.work({ a: text }, { a: text, b: text }, { a: { from: ['a'] }, b: {} })
    const refused = (wrong: Partial<PackFile>, code: string, path: string) => {
      const [first, second] = work.files as [PackFile, PackFile]
      const files = [first, { ...second, ...wrong }]
      assert.throws(
        () => host.packCoder.encodeFiles?.({ ...work, files, target: coder.file() }),
        (error: unknown) =>
          isSystemError(error, code) && (error as { path?: string }).path === path,
      )
    }
    const base = { line: 1, path: 'a', size: text.length, isNew: false }
    refused({ path: 'missing' }, 'ENOENT', 'missing')
    refused({ size: text.length - 1 }, 'EINVAL', 'b')
    refused({ size: text.length + 1 }, 'EINVAL', 'b')
    refused({ bases: [{ ...base, path: 'missing' }] }, 'ENOENT', 'missing')
    refused({ bases: [{ ...base, size: 1 }] }, 'EINVAL', 'a')
  })

  test('words that are out of bounds are refused', () => {
    const work = coder.work({ a: text }, { a: text, b: text }, { a: { from: ['a'] }, b: {} })
    const [first, second] = work.files as [PackFile, PackFile]
    const refused = (wrong: Partial<PackWork>, message: RegExp) =>
      assert.throws(() => host.packCoder.encodeFiles?.({ ...work, ...wrong }), message)
    refused({ files: [second, first] }, /line 1 comes after line 2/)
    refused({ files: [first, first] }, /line 1 comes after line 1/)
    refused({ workers: 0 }, /workers is 0; allowed: 1 to 64/)
    refused({ workers: 65 }, /workers is 65; allowed: 1 to 64/)
    const bases = Array.from({ length: 9 }, () => first.bases[0] as PackFile['bases'][0])
    refused({ files: [{ ...first, bases }] }, /a file has 9 bases; allowed: up to 8/)
    refused(
      { files: [{ ...first, size: 2 ** 32 }] },
      /size is 4294967296; allowed: 0 to 4294967295/,
    )
  })

  test('progress is told in order, and what it throws ends the work', () => {
    const made = { a: text, b: bytes('b'), c: bytes('cc') }
    const work = coder.work({}, made, { a: {}, b: {}, c: {} })
    const told: [number, number, Path][] = []
    host.packCoder.encodeFiles?.({ ...work, onProgress: (...words) => told.push(words) })
    assert.equal(told, [
      [1, text.length, 'a'],
      [2, text.length + 1, 'b'],
      [3, text.length + 3, 'c'],
    ])
    const stop = () => {
      throw new Error('stopped')
    }
    assert.throws(() => host.packCoder.encodeFiles?.({ ...work, onProgress: stop }), /stopped/)
  })

  test('a frame that was compressed is one of zstd that states its size', () => {
    const { compressFrame } = host.packCoder
    const frame = compressFrame?.(text) as Uint8Array
    assert.is(bytesOfArray(frame.subarray(0, 4)), '\x28\xb5\x2f\xfd')
    assert.ok(frame.length < text.length / 2)
    assert.ok(((frame[4] as number) & 0x20) !== 0, 'a single segment')
    assert.throws(() => compressFrame?.(new Uint8Array(1024 * 1024 + 1)), /1048577 bytes; allowed/)
  })

  test.run()
}
