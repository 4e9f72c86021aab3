/**
 * Numbers as every engine and processor must compute them. An x87 that rounds twice, a libm that is off by
 * more than the last bit, or a wrong 32-bit division would show here.
 */

import * as assert from 'uvu/assert'
import { test } from '../support/suite.ts'

/** What JIT and constant folding can't see through. */
const hidden = (value: number): number => Number(`${value}`)

test('sums, products and quotients are rounded once, to the nearest double', () => {
  // To 64 bits of mantissa first, this is a tie, and goes the other way.
  assert.is(hidden(2 ** 63) + hidden(1024.25), 2 ** 63 + 2048)
  assert.is(hidden(0.1) + hidden(0.2), 0.30000000000000004)
  assert.is(hidden(1.005) * hidden(1000), 1004.9999999999999)
  assert.is(hidden(4.35) * hidden(100), 434.99999999999994)
  assert.is(hidden(2 ** 53) / hidden(3), 3002399751580330.5)
  assert.is(hidden(1) / hidden(49), 0.02040816326530612)
})

test('whole numbers are exact up to 2^53, and past 32 bits', () => {
  const large = hidden(2 ** 53 - 1)
  assert.is(large - hidden(1), 9007199254740990)
  assert.is(large % hidden(4294967296), 4294967295)
  assert.is(Math.floor(large / hidden(4294967296)), 2097151)
  assert.is(hidden(-7) % hidden(2.5), -2)
  assert.is(hidden(0xdeadbeef) >>> 4, 0xdeadbee)
  assert.is(hidden(-1) >>> 0, 4294967295)
})

test('big integers divide as by hand', () => {
  const one = BigInt(hidden(1))
  const large = (one << 127n) + 12345678901234567890n
  assert.is(large / ((one << 64n) - 1n), 9223372036854775809n)
  assert.is(large % 1000000007n, 454632327n)
  assert.is(-large / 3n, -56713727820156410581344327539039557872n)
})

test('numbers are read and written to the last digit', () => {
  assert.is(String(hidden(5e-324)), '5e-324')
  assert.is(String(hidden(1.7976931348623157e308)), '1.7976931348623157e+308')
  assert.is(Number('2.2250738585072011e-308'), 2.225073858507201e-308)
  assert.is(Number('9007199254740993'), 9007199254740992)
  assert.is(hidden(123456789.123).toFixed(6), '123456789.123000')
  assert.is(hidden(255.5).toString(16), 'ff.8')
  assert.is(Math.round(hidden(0.49999999999999994)), 0)
})

test('what numbers look like in memory is the same everywhere', () => {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, hidden(-0.1))
  assert.is(view.getUint32(0), 0xbfb99999)
  assert.is(view.getUint32(4), 0x9999999a)
  assert.ok(Number.isNaN(hidden(Number.NaN)) && Object.is(hidden(0) * -1, -0))
  assert.is(Math.fround(hidden(1.1)), 1.100000023841858)
})

test('roots and powers', () => {
  assert.is(Math.sqrt(hidden(2)), Math.SQRT2)
  assert.is(hidden(10) ** hidden(15), 1e15)
  const near = (found: number, wanted: number) => Math.abs(found / wanted - 1) < 1e-15
  assert.ok(near(Math.exp(hidden(1)), Math.E) && near(Math.log(hidden(10)), Math.LN10))
})

test.run()
