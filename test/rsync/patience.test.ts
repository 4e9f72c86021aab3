/** How long a peer is waited for: only useful work keeps it, and what was asked for has an end. */

import * as assert from 'uvu/assert'
import { type Impatience, rateWindowMs, WirePatience } from '../../src/rsync/patience.ts'
import { test } from '../support/suite.ts'

const SLOW = { bytesPerSecond: 64, windowMs: 600_000 }

/** Waits second by second, `each` tells what came, until it is too long; gives the seconds that it took. */
function wait(
  patience: WirePatience,
  each: (patience: WirePatience) => void,
  most = 100_000,
): { seconds: number; end: Impatience | undefined } {
  patience.measures = true
  for (let seconds = 1; seconds <= most; seconds++) {
    each(patience)
    const end = patience.judge(1000, seconds * 1000)
    if (end) return { seconds, end }
  }
  return { seconds: most, end: undefined }
}

test('silence is no slowness', () => {
  const { seconds, end } = wait(new WirePatience({ timeoutMs: 60_000, rateMin: SLOW }), () => {})
  assert.is(seconds, 60)
  assert.equal(end, { slow: false, reason: 'no byte for 60000 ms (60000 allowed)' })
})

test('keep-alives, messages and empty blocks keep nobody', () => {
  const patience = new WirePatience({ timeoutMs: 60_000, rateMin: SLOW })
  const { seconds, end } = wait(patience, () => patience.heard())
  assert.is(seconds, 60)
  assert.is(end?.slow, true)
  assert.match(end?.reason ?? '', /nothing of what was asked for .* though it keeps sending/)
})

test('a drip ends with the window, and a slow satellite passes', () => {
  const dripping = new WirePatience({ timeoutMs: 60_000, rateMin: SLOW })
  dripping.expect(1e9)
  const { seconds, end } = wait(dripping, () => dripping.worked(1))
  assert.is(seconds, 600)
  assert.match(end?.reason ?? '', /^1 useful bytes per second over 600 s \(at least 64 wanted\)/)
  const satellite = new WirePatience({ timeoutMs: 60_000, rateMin: SLOW })
  satellite.expect(1e9)
  assert.is(wait(satellite, () => satellite.worked(64)).end, undefined)
  // In bursts, as a satellite has it.
  const bursts = new WirePatience({ timeoutMs: 60_000, rateMin: SLOW })
  bursts.expect(1e9)
  let turn = 0
  assert.is(wait(bursts, () => turn++ % 50 === 0 && bursts.worked(3600)).end, undefined)
})

test('the rate is judged over a time in which enough should come, and over no hiccup', () => {
  assert.is(rateWindowMs(64, 60_000), 600_000)
  assert.is(rateWindowMs(1, 60_000), 600_000)
  assert.is(rateWindowMs(1000, 60_000), 38_400)
  assert.is(rateWindowMs(1e6, 60_000), 10_000)
  assert.is(rateWindowMs(1e6, 2000), 2000)
  assert.is(rateWindowMs(1000, 2000), 38_400)
})

test('all that was asked for has a time in proportion', () => {
  const patience = new WirePatience({ timeoutMs: 60_000, rateMin: SLOW })
  patience.expect(64_000)
  const { seconds, end } = wait(patience, () => patience.worked(64))
  assert.is(seconds, 600 + 1000)
  assert.is(end?.slow, true)
})

test('a part has its own deadline, whatever comes', () => {
  const patience = new WirePatience({ timeoutMs: 60_000 })
  patience.deadlineMs = 5000
  assert.is(wait(patience, () => patience.worked(1000)).seconds, 5)
})

test('without a least rate a drip is taken', () => {
  const patience = new WirePatience({ timeoutMs: 60_000 })
  assert.is(wait(patience, () => patience.worked(1)).end, undefined)
})

test('who thinks may be silent for as long as was granted, in all, and no longer', () => {
  const patience = new WirePatience({ timeoutMs: 60_000, rateMin: SLOW })
  patience.grantThought(200_000)
  patience.thinks = true
  assert.is(wait(patience, () => {}, 150).end, undefined)
  // Work in between gives no new patience for thoughts, and is judged by itself.
  patience.thinks = false
  assert.is(wait(patience, (one) => one.worked(100), 300).end, undefined)
  patience.thinks = true
  const { seconds, end } = wait(patience, () => {})
  assert.is(seconds, 50)
  assert.match(end?.reason ?? '', /in the time that its list allows/)
})

test.run()
