/** The cap on what is received: its average, its bursts, and a schedule that changes it. */

import * as assert from 'uvu/assert'
import { parseHours } from '../../src/hours.ts'
import { Pace } from '../../src/rsync/pace.ts'
import { capAt } from '../../src/source/rate-cap.ts'
import { test } from '../support/suite.ts'

/** Reads as much as it may from a peer that always has more; the bytes of each second. */
function drain(pace: Pace, seconds: number): number[] {
  const each = new Array<number>(seconds).fill(0)
  for (let nowMs = 0; nowMs < seconds * 1000; ) {
    const pauseMs = pace.pauseMs(nowMs)
    if (pauseMs > 0) {
      nowMs += pauseMs
      continue
    }
    const count = Math.min(pace.allowance(nowMs), 256 * 1024)
    pace.used(count)
    each[Math.floor(nowMs / 1000)] = (each[Math.floor(nowMs / 1000)] ?? 0) + count
    nowMs += 0.1
  }
  return each
}

for (const rate of [1024, 10_240, 1_048_576, 50_000_000]) {
  test(`${rate} bytes per second come as that, each second`, () => {
    const each = drain(new Pace(() => rate), 20)
    const total = each.reduce((sum, one) => sum + one, 0)
    assert.ok(total <= rate * 20.3 + 4096 && total >= rate * 19.5 - 2048, `${total}`)
    for (const second of each) assert.ok(second <= rate * 1.3 + 4096, `${each}`)
  })
}

test('without a cap nothing is held back', () => {
  const pace = new Pace(() => 0)
  pace.used(1e9)
  assert.is(pace.pauseMs(1), 0)
  assert.is(pace.allowance(1), Number.POSITIVE_INFINITY)
})

test('a long idle time is no credit', () => {
  const pace = new Pace(() => 10_000)
  pace.pauseMs(0)
  assert.ok(pace.allowance(3_600_000) <= 2_500)
})

test('a clock of hours changes the cap while it works', () => {
  let rate = 1_000_000
  const pace = new Pace(() => rate)
  drain(pace, 2)
  rate = 10_000
  const shifted = new Pace(() => rate)
  assert.ok((drain(shifted, 3)[2] ?? 0) < 14_000)
})

test('hours of the day have caps of their own', () => {
  const school = parseHours('08:00-16:00') ?? { from: 0, to: 0 }
  const night = parseHours('22:00-06:00') ?? { from: 0, to: 0 }
  const cap = {
    kibPerSecond: 200,
    byHours: [
      { hours: school, kibPerSecond: 50 },
      { hours: night, kibPerSecond: 0 },
    ],
  }
  const at = (hour: number, minute = 0) => capAt(cap, hour * 60 + minute) / 1024
  assert.equal([at(7, 59), at(8), at(15, 59), at(16)], [200, 50, 50, 200])
  assert.equal([at(21, 59), at(22), at(0), at(5, 59), at(6)], [200, 0, 0, 0, 200])
  for (const wrong of ['8-16', '24:00-01:00', '08:00-16:60', '08:00', '']) {
    assert.is(parseHours(wrong), undefined)
  }
})

test.run()
