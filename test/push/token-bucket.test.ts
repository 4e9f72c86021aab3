/** So much work per second and no more, on a clock of the test's own. */
import * as assert from 'uvu/assert'
import { TokenBucket } from '../../src/push/token-bucket.ts'
import { test } from '../support/suite.ts'

function bucket(perSecond: number, burst: number) {
  let nowMs = 5000
  const tokens = new TokenBucket({ monotonicMs: () => nowMs }, perSecond, burst)
  /** How many of so many tries succeed now. */
  const taken = (tries: number) => {
    let count = 0
    for (let i = 0; i < tries; i++) if (tokens.take()) count++
    return count
  }
  const after = (ms: number) => {
    nowMs += ms
  }
  return { taken, after }
}

test('a burst at once, and then nothing until time passes', () => {
  const { taken } = bucket(2, 4)
  assert.equal([taken(10), taken(10)], [4, 0])
})

test('it fills at its rate, by parts of a second, and by no more than the time that passed', () => {
  const { taken, after } = bucket(2, 4)
  taken(10)
  after(499)
  assert.is(taken(10), 0)
  after(1)
  assert.equal([taken(10), taken(10)], [1, 0])
  after(1500)
  assert.equal([taken(10), taken(10)], [3, 0])
})

test('a long rest saves up one burst, and no second one', () => {
  const { taken, after } = bucket(2, 4)
  after(3_600_000)
  assert.is(taken(10), 4)
  after(3_600_000)
  assert.is(taken(10), 4)
})

test.run()
