/** The figures of the benchmark: medians, ratios, and how they are shown. */

import * as assert from 'uvu/assert'
import { test } from '../support/suite.ts'

const tool = new URL('../../../../bench/figures.mjs', import.meta.url).href
const { caseTable, grouped, median, ratiosOf, table } = await import(tool)

const METRICS = [
  'wall',
  'wallSynced',
  'clientCpu',
  'serverCpu',
  'clientPeakMiB',
  'received',
  'sent',
]
const medians = (value: number) =>
  Object.fromEntries([...METRICS, 'bytes'].map((key) => [key, value]))

test('the median of an even count lies between the two in the middle', () => {
  assert.is(median([9, 1, 5]), 5)
  assert.is(median([4, 1, 100, 2]), 3)
})

test('numbers are grouped by thousands, also with three or six digits', () => {
  assert.equal([7, 999, 1000, 123456, 1234567].map(grouped), [
    '7',
    '999',
    '1,000',
    '123,456',
    '1,234,567',
  ])
})

test('a ratio to nothing is no number', () => {
  const ratios = ratiosOf(medians(3), { ...medians(4), sent: 0 })
  assert.is(ratios.wall, 0.75)
  assert.is(ratios.sent, undefined)
})

test('columns of numbers stand to the right', () => {
  const text = table([
    ['', 'a', 'long title'],
    ['name', '100', '2'],
  ])
  assert.is(text, '        a  long title\n----  ---  ----------\nname  100           2')
})

test('a case shows each contender, and the ratios of the others to the last', () => {
  const contenders = [
    { name: 'one', medians: medians(1) },
    { name: 'two', medians: medians(2) },
    { name: 'three', medians: medians(100) },
  ]
  const lines = caseTable({ contenders }).split('\n')
  assert.is(lines.length, 7)
  assert.match(lines[5], /one to three +0\.0100/)
  assert.match(lines[6], /two to three +0\.0200/)
})

test.run()
