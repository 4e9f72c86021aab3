/**
 * What native:delta promises about file lists, for any host. Runs in Node and in QuickJS: no Node
 * types here.
 */
import type { FileList } from 'native:delta'
import * as assert from 'uvu/assert'
import type { Host } from '../../src/host.ts'
import { varint, varlong } from '../support/rsync-numbers.ts'
import { suite } from '../support/suite.ts'
import { inListOrder, isDir, ListEncoder, type ListedEntry } from './list-bytes.ts'
import { fromHex, join, randomNumbers } from './sample-bytes.ts'

/** The list in the protocol's description, for a session that asks for no owners and groups. */
const example = fromHex(`
  18 01 2e 00 00 10 69 a5 35 57 ed 41 00 00
  a0 98 05 66 2e 74 78 74 00 16 00 06 a4 81 00 00
  00 00`)

const options = {
  protocol: 32,
  varintFlags: true,
  relative: false,
  entriesMax: 10_000,
}

const dir = (name: string): ListedEntry => ({
  name,
  mode: 0o040755,
  size: 4096,
  modifiedSeconds: 7,
})
const file = (name: string, size = 3): ListedEntry => ({
  name,
  mode: 0o100644,
  size,
  modifiedSeconds: 1_700_000_000,
})

const isTokenError = (error: unknown) =>
  error instanceof Error && error.name === 'TokenError' && error.message.length > 10

function encode(entries: ListedEntry[], format = options, ioError = 0): Uint8Array {
  const encoder = new ListEncoder(format)
  return join(...entries.map((entry) => encoder.entry(entry)), encoder.end(ioError))
}

/** A tree of nasty names, in the order of a walk that sorts nothing. */
function randomTree(count: number, seed: number): ListedEntry[] {
  const next = randomNumbers(seed)
  const parts = ['a', 'a-b', 'a.b', 'b', 'a0', '.x', '\xff\xfe', ' ', '-', 'A', 'x'.repeat(255)]
  const kinds = [0o100644, 0o104755, 0o120777, 0o020600, 0o060660, 0o010644, 0o140777, 0o040755]
  const dirs = ['']
  const entries = [dir('.')]
  const seen = new Set<string>()
  while (entries.length < count) {
    const parent = dirs[next(dirs.length)] as string
    const base = `${parts[next(parts.length)]}${next(3) === 0 ? next(50) : ''}`.slice(0, 255)
    const name = parent === '' ? base : `${parent}/${base}`
    if (seen.has(name) || name.length > 3500) continue
    seen.add(name)
    const mode = kinds[next(kinds.length)] as number
    const kind = mode & 0o170000
    if (isDir(mode)) dirs.push(name)
    entries.push({
      name,
      mode,
      size: kind === 0o100000 ? next(2) * 2 ** next(50) : 0,
      modifiedSeconds: next(3) === 0 ? -next(2 ** 31) : next(2 ** 33),
      nanoseconds: next(2) * next(1e9),
    })
  }
  return entries
}

export function fileListContract(name: string, host: Host): void {
  const { delta } = host
  const test = suite(name)

  /** Feeds as a session does: what was not used comes again, with more after it. */
  function feedIn(list: FileList, bytes: Uint8Array, cuts: number[]): number {
    let used = 0
    for (const cut of [...cuts, bytes.length]) {
      used += delta.feedList(list, bytes, used, cut - used)
      assert.ok(used <= cut)
    }
    return used
  }

  function read(bytes: Uint8Array, change: Partial<typeof options> = {}): FileList {
    const list = delta.openFileList({ ...options, ...change })
    const used = delta.feedList(list, bytes, 0, bytes.length)
    assert.ok(delta.listEnded(list), 'ended')
    assert.is(used, bytes.length)
    return list
  }

  function namesOf(list: FileList): (string | undefined)[] {
    const { entries } = delta.listSummary(list)
    return Array.from({ length: entries }, (_, index) => delta.listedAt(list, index)?.name)
  }

  const refused = (bytes: Uint8Array, change: Partial<typeof options> = {}) =>
    assert.throws(() => read(bytes, change), isTokenError)

  test('the example, cut in two at every byte', () => {
    for (let cut = 0; cut <= example.length; cut++) {
      const list = delta.openFileList(options)
      assert.is(feedIn(list, join(example, [9, 9]).subarray(0, example.length), [cut]), 32)
      assert.ok(delta.listEnded(list))
      assert.is(delta.feedList(list, example, 0, 10), 0)
      assert.equal(delta.listSummary(list), { entries: 2, namesLength: 6, ioError: 0 })
      const modifiedSeconds = 0x695735a5
      const root = { name: '.', size: 4096, mode: 0o040755, modifiedSeconds }
      const text = { name: 'f.txt', size: 22, mode: 0o100644, modifiedSeconds }
      assert.equal(delta.listedAt(list, 0), root)
      assert.equal(delta.listedAt(list, 1), text)
      assert.equal(delta.findListed(list, 'f.txt'), { index: 1, size: 22, mode: 0o100644 })
      assert.is(delta.listedAt(list, 2), undefined)
      assert.is(delta.listedAt(list, -1), undefined)
      assert.is(delta.findListed(list, 'f.tx'), undefined)
      delta.closeFileList(list)
    }
  })

  test('nothing is found before the end', () => {
    const list = delta.openFileList(options)
    delta.feedList(list, example, 0, 31)
    assert.not(delta.listEnded(list))
    assert.is(delta.listedAt(list, 0), undefined)
    assert.is(delta.findListed(list, '.'), undefined)
  })

  for (const format of [
    { protocol: 32, varintFlags: true },
    { protocol: 31, varintFlags: false },
    { protocol: 30, varintFlags: false },
  ]) {
    const label = `protocol ${format.protocol}${format.varintFlags ? ', varint flags' : ''}`

    test(`${label}: random trees, in pieces, in rsync's order`, () => {
      for (const count of [1, 2, 3, 60, 700]) {
        const entries = randomTree(count, count)
        const bytes = encode(entries, { ...options, ...format }, count % 8)
        const next = randomNumbers(count)
        const cuts = Array.from({ length: 50 }, () => next(bytes.length)).sort((a, b) => a - b)
        const list = delta.openFileList({ ...options, ...format })
        assert.is(feedIn(list, bytes, cuts), bytes.length)
        const namesLength = entries.reduce((sum, { name }) => sum + name.length, 0)
        const summary = { entries: count, namesLength, ioError: count % 8 }
        assert.equal(delta.listSummary(list), summary)
        inListOrder(entries).forEach(({ name, size, mode, modifiedSeconds }, index) => {
          assert.equal(delta.listedAt(list, index), { name, size, mode, modifiedSeconds })
          assert.equal(delta.findListed(list, name), { index, size, mode })
        })
        delta.closeFileList(list)
      }
    })

    test(`${label}: any broken byte is refused, or read, and never hangs`, () => {
      const bytes = encode(randomTree(30, 5), { ...options, ...format })
      for (let i = 0; i < bytes.length; i += 1 + Math.floor(bytes.length / 400)) {
        const broken = bytes.slice()
        broken[i] = (broken[i] as number) ^ 0x55
        const list = delta.openFileList({ ...options, ...format })
        try {
          delta.feedList(list, broken, 0, broken.length)
        } catch (error) {
          assert.ok(isTokenError(error), String(error))
          assert.throws(() => delta.feedList(list, broken, 0, 1))
        }
        delta.closeFileList(list)
      }
    })
  }

  test('the order: files before directories, a directory as if it ended in a slash', () => {
    const entries = [
      dir('b'),
      file('b/z'),
      dir('b/a'),
      file('b/a/x'),
      file('z'),
      dir('a-b'),
      dir('a'),
      file('a/b'),
      dir('.'),
      dir('a.b'),
      dir('a0'),
    ]
    const expected = ['.', 'z', 'a-b', 'a.b', 'a', 'a/b', 'a0', 'b', 'b/z', 'b/a', 'b/a/x']
    assert.equal(namesOf(read(encode(entries))), expected)
  })

  test('duplicates keep their places; the first one wins, and a directory over all', () => {
    const entries = [
      dir('.'),
      file('f', 1),
      file('f', 2),
      file('d', 5),
      file('d', 6),
      dir('d'),
      dir('d'),
    ]
    const list = read(encode(entries))
    const expected = ['.', undefined, undefined, 'f', undefined, 'd', undefined]
    assert.equal(namesOf(list), expected)
    assert.equal(delta.findListed(list, 'f'), { index: 3, size: 1, mode: 0o100644 })
    assert.equal(delta.findListed(list, 'd'), { index: 5, size: 4096, mode: 0o040755 })
  })

  test('fields that were not asked for are not on the wire', () => {
    const plain = join([0x1d], [1], [46], [0, 0, 16], [0, 0, 0, 7], [0xed, 0x41, 0, 0])
    const device = join([0x1d], [1], [100], [0, 0, 0], [0, 0, 0, 7], [0x80, 0x21, 0, 0])
    const link = join([0x1d], [1], [108], [0, 5, 0], [0, 0, 0, 7], [0xff, 0xa1, 0, 0])
    const flags = join(
      plain.map((b, i) => (i === 0 ? 0x19 : b)),
      device,
      link,
      [0],
    )
    flags[plain.length] = 0x19
    flags[plain.length + device.length] = 0x19
    assert.equal(namesOf(read(flags, { varintFlags: false })), ['.', 'd', 'l'])
  })

  test('names under -R may begin with a slash, all of them or none', () => {
    const absolute = encode([dir('/'), dir('/a'), file('/a/b')])
    refused(absolute)
    const list = read(absolute, { relative: true })
    assert.equal(namesOf(list), ['.', 'a', 'a/b'])
    assert.is(delta.findListed(list, 'a/b')?.index, 2)
    refused(encode([dir('/a'), file('b')]), { relative: true })
  })

  test('doubled slashes and inner dots are collapsed', () => {
    assert.equal(namesOf(read(encode([dir('a'), file('a//./b')]))), ['a', 'a/b'])
  })

  test('names that lead out of the tree', () => {
    for (const name of ['..', '../x', 'a/..', 'a/../b', '/etc/passwd', 'a/../../x']) {
      refused(encode([dir('.'), dir('a'), file(name)]))
    }
    read(encode([dir('.'), dir('..a'), file('..a/...'), file('a..')]))
  })

  test('names with a NUL, without a byte, and of more than 4095', () => {
    refused(encode([file('a\0b')]))
    refused(encode([file('')]))
    const long = 'x'.repeat(4095)
    assert.equal(namesOf(read(encode([file(long)]))), [long])
    refused(encode([file(`${long}x`)]))
    refused(join([0x44], [...varint(2 ** 31 - 1)], new Uint8Array(100)))
    refused(join([0x44], [...varint(-1)], new Uint8Array(100)))
  })

  test('a name that shares more than there was', () => {
    const first = new ListEncoder(options).entry(file('abc'))
    refused(join(first, [0x3e | 0x80 | 0x100], [4, 1, 120]))
    refused(join([0x24, 1, 1, 120], new Uint8Array(20)))
  })

  test('a parent that is not listed as a directory', () => {
    refused(encode([dir('.'), file('a/b')]))
    refused(encode([dir('.'), { ...file('a'), mode: 0o120777 }, file('a/b')]))
    refused(encode([dir('.'), dir('a'), file('a/b/c')]))
    read(encode([dir('.'), file('a'), dir('a'), file('a/b')]))
  })

  test('types and sizes that can not be', () => {
    for (const mode of [0, 0o644, 0o170644, 0o100644 | 0x10000, -1]) {
      refused(encode([{ ...file('a'), mode }]))
    }
    refused(encode([{ ...dir('.'), mode: 0o100644 }]))
    refused(encode([file('a', -1)]))
    const size = join([0x04, 1, 97], varlong(2n ** 53n, 3))
    refused(join(size, new Uint8Array(30)))
    refused(encode([{ ...file('a'), nanoseconds: 1_000_000_000 }]))
  })

  test('hard links, numbers too long, more entries than allowed', () => {
    refused(join(varint(0x204), [1, 97], new Uint8Array(30)))
    refused(join([0xff], new Uint8Array(30)))
    const five = encode([dir('.'), file('a'), file('b'), file('c'), file('d')])
    read(five, { entriesMax: 5 })
    refused(five, { entriesMax: 4 })
    refused(five, { entriesMax: 0 })
  })

  test('io_error keeps its three bits', () => {
    assert.is(delta.listSummary(read(encode([dir('.')], options, 0x7f))).ioError, 7)
  })

  test('an empty list', () => {
    const list = read(encode([]))
    assert.equal(delta.listSummary(list), { entries: 0, namesLength: 0, ioError: 0 })
    assert.is(delta.findListed(list, 'a'), undefined)
  })

  test('misuse: an unknown protocol, a closed list', () => {
    assert.throws(() => delta.openFileList({ ...options, protocol: 29 }), RangeError)
    const list = delta.openFileList(options)
    delta.closeFileList(list)
    delta.closeFileList(list)
    assert.throws(() => delta.listEnded(list), TypeError)
  })

  test.run()
}
