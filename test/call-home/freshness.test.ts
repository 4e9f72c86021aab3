/** How old the newest word from home is, and when that is said unasked. */
import * as assert from 'uvu/assert'
import { freshnessOf, freshnessSentence, staleWarning } from '../../src/call-home/freshness.ts'
import { FIRST_STATE, type State } from '../../src/store/state.ts'
import { test } from '../support/suite.ts'

const DAY = 86_400
const T = Date.parse('2026-01-01T00:00:00Z') / 1000
const HOME: State['home'] = {
  stolen: false,
  leaseEnd: undefined,
  version: 42,
  intervalSeconds: 60,
  priority: 'normal',
  sources: [],
  message: '',
}
const HEARD: State = { ...FIRST_STATE, home: HOME, trustedSeconds: T }

test('after eleven months of silence that is said, with the day it began', () => {
  const fresh = freshnessOf(HEARD, T + 334 * DAY, 30)
  assert.equal(fresh, { by: 'home', since: '2026-01-01T00:00:00Z', days: 334, stale: true })
  assert.match(staleWarning(fresh) ?? '', /since 2026-01-01T00:00:00Z, for 334 days/)
})

test('before the limit, and where there is none, only who asks is told', () => {
  const fresh = freshnessOf(HEARD, T + 29.5 * DAY, 30)
  assert.is(staleWarning(fresh), undefined)
  assert.is(freshnessSentence(fresh), 'home answered last at 2026-01-01T00:00:00Z, 29 days ago')
  assert.ok(freshnessOf(HEARD, T + 30 * DAY, 30).stale)
  assert.not(freshnessOf(HEARD, T + 3000 * DAY, 0).stale)
})

test('a clock that stands still does not hide how long the laptop ran', () => {
  const fresh = freshnessOf({ ...HEARD, ranSeconds: 31 * DAY }, 0, 30)
  assert.is(fresh.days, 31)
  assert.ok(fresh.stale)
  assert.is(freshnessOf(HEARD, 0, 30).days, 0)
})

test('where home never answered it is the date of the newest release, and without one nothing', () => {
  const newestRelease = { version: 42, issued: T }
  const fresh = freshnessOf({ ...FIRST_STATE, newestRelease }, T + 40 * DAY, 30)
  assert.equal([fresh.by, fresh.days, fresh.stale], ['release', 40, true])
  // A release that came since home was silent may be as old as the silence.
  assert.is(freshnessOf({ ...HEARD, newestRelease }, T + 40 * DAY, 30).by, 'home')
  assert.is(staleWarning(freshnessOf(FIRST_STATE, T, 30)), undefined)
})

test.run()
