/** Numbers, strings and file indexes against the tables of the protocol's reference (rsync io.c). */

import * as assert from 'uvu/assert'
import {
  INDEX_DONE,
  IndexReader,
  IndexWriter,
  NEED_MORE,
  readVarint,
  readVarlong,
  readVstring,
  writeVarlong,
  writeVstring,
} from '../../src/rsync/integers.ts'
import { varlong } from '../support/rsync-numbers.ts'
import { test } from '../support/suite.ts'

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replace(/ /g, ''), 'hex'))
const hex = (array: ArrayLike<number>) => Buffer.from(Array.from(array)).toString('hex')

/** Value, varint, varlong(3), varlong(4); '' if the table has none. */
const TABLE: [number, string, string, string][] = [
  [0, '00', '000000', '00000000'],
  [127, '7f', '007f00', '007f0000'],
  [128, '8080', '008000', ''],
  [255, '80ff', '00ff00', '00ff0000'],
  [0x1ff, '81ff', '00ff01', ''],
  [16383, 'bfff', '00ff3f', ''],
  [16384, 'c00040', '000040', ''],
  [65536, 'c10000', '010000', '00000001'],
  [0x7fffff, 'e0ffff7f', '7fffff', '00ffff7f'],
  [0x800000, 'e0000080', '80000080', '00000080'],
  [0x7fffffff, 'f0ffffff7f', 'c0ffffff7f', '7fffffff'],
  [0x80000000, '', 'c000000080', '8000000080'],
  [2 ** 40, '', 'e10000000000', 'c10000000000'],
]

test('numbers are read and written as in the table', () => {
  for (const [value, varint, varlong3, varlong4] of TABLE) {
    if (varint) {
      assert.is(hex(varlong(value, 1)), varint)
      assert.is(hex(writeVarlong(value, 1)), varint)
      const array = bytes(varint)
      assert.equal(readVarint(array, 0, array.length), { value, next: array.length })
    }
    for (const [minimum, code] of [
      [3, varlong3],
      [4, varlong4],
    ] as const) {
      if (!code) continue
      assert.is(hex(varlong(value, minimum)), code)
      assert.is(hex(writeVarlong(value, minimum)), code)
      const array = bytes(code)
      assert.equal(readVarlong(array, 0, array.length, minimum), { value, next: array.length })
    }
  }
  assert.equal(readVarint(bytes('f0ffffffff'), 0, 5), { value: 0xffffffff, next: 5 })
})

test('a number that is not there yet is waited for', () => {
  for (const [, varint, varlong3] of TABLE) {
    for (let length = 0; length < varint.length / 2; length++) {
      assert.is(readVarint(bytes(varint), 0, length), undefined)
    }
    for (let length = 0; length < varlong3.length / 2; length++) {
      assert.is(readVarlong(bytes(varlong3), 0, length, 3), undefined)
    }
  }
})

test('numbers that are too large are refused', () => {
  assert.throws(() => readVarint(bytes('f80000000000'), 0, 6), /32 bits/)
  assert.throws(() => readVarint(bytes('f100000000'), 0, 5), /32 bits/)
  assert.throws(() => readVarlong(bytes('fcffffffffffffffff'), 0, 9, 3), /53 bits/)
  assert.throws(() => readVarlong(bytes('ffffffffffffffffffffff'), 0, 11, 4), /64 bits/)
})

test('strings carry one or two bytes of length', () => {
  assert.is(hex(writeVstring('md5')), '036d6435')
  assert.is(hex(writeVstring('a'.repeat(200))).slice(0, 4), '80c8')
  const array = Uint8Array.from(writeVstring('b'.repeat(200)))
  assert.equal(readVstring(array, 0, array.length), { value: 'b'.repeat(200), next: 202 })
  for (const length of [0, 1, 100, 201]) assert.is(readVstring(array, 0, length), undefined)
  assert.throws(() => readVstring(bytes('8100'), 0, 2), /256 bytes, 255 allowed/)
})

test('indexes survive the way, in every form', () => {
  const indexes = [0, 1, 3, 256, 256 + 254, 40_000, 39_999, 39_999 + 0x7fff, 0x7fffffff, 5]
  const writer = new IndexWriter()
  const buffer = new Uint8Array(100)
  let end = 0
  for (const index of indexes) end = writer.write(index, buffer, end)
  const doneAt = end
  end = writer.write(INDEX_DONE, buffer, end)
  assert.is(end, doneAt + 1)
  const reader = new IndexReader()
  let at = 0
  for (const index of indexes) {
    const before = at
    for (let cut = before; ; cut++) {
      const next = reader.read(buffer, at, cut)
      if (next === NEED_MORE) continue
      at = next
      assert.is(cut, at)
      break
    }
    assert.is(reader.value, index)
  }
  assert.is(reader.read(buffer, at, end), end)
  assert.is(reader.value, INDEX_DONE)
})

test('negative indexes have a state of their own', () => {
  const reader = new IndexReader()
  const read = (code: string) => {
    const array = bytes(code)
    assert.is(reader.read(array, 0, array.length), array.length)
    return reader.value
  }
  assert.is(read('02'), 1)
  assert.is(read('ff02'), -3)
  assert.is(read('02'), 3)
  assert.is(read('ff62'), -101)
  assert.is(read('00'), INDEX_DONE)
  assert.is(read('01'), 4)
})

test('an index past 31 bits is refused', () => {
  const reader = new IndexReader()
  const absolute = bytes('feffffffff')
  assert.is(reader.read(absolute, 0, 5), 5)
  assert.is(reader.value, 0x7fffffff)
  assert.throws(() => reader.read(bytes('01'), 0, 1), /31 bits/)
})

test.run()
