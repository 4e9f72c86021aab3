/** Sum heads against what stock rsync chose (rsync generator.c sum_sizes_sqroot). */

import * as assert from 'uvu/assert'
import { NO_BASIS, sumHead } from '../../src/rsync/block-size.ts'
import { test } from '../support/suite.ts'

test('stock sizes get stock heads', () => {
  const table: [number, number, number, number, number][] = [
    [1, 1, 700, 2, 1],
    [490_001, 701, 700, 2, 1],
    [1_000_000, 1000, 1000, 2, 0],
    [250_000_000, 15_815, 15_808, 3, 12_288],
    [1_100_000_000, 33_173, 33_160, 3, 16_480],
    [3_000_000_000, 54_777, 54_768, 4, 28_032],
  ]
  for (const [size, count, blockLength, strongLength, remainder] of table) {
    const head = sumHead(size, 'xxh128', false)
    assert.equal(head, { count, blockLength, strongLength, remainder }, `${size} bytes`)
  }
})

test('blocks never grow past 128 KiB', () => {
  const head = sumHead(2 ** 40, 'md5', false)
  assert.is(head.blockLength, 131_072)
  assert.is(head.count, 2 ** 23)
})

test('the second try has whole strong sums, as long as the algorithm gives', () => {
  assert.is(sumHead(5000, 'md5', true).strongLength, 16)
  assert.is(sumHead(5000, 'xxh64', true).strongLength, 8)
  assert.is(sumHead(5000, 'sha1', true).strongLength, 16)
})

test('nothing in the basis is no basis', () => {
  assert.is(sumHead(0, 'md5', false), NO_BASIS)
  assert.is(sumHead(2 ** 52, 'md5', false), NO_BASIS)
})

test.run()
