/** The daemon on a clock of the test's own: when rounds are made, what brings them forward. */

import * as assert from 'uvu/assert'
import type { Hint } from '../../src/daemon/daemon.ts'
import { afterRound, afterStart } from '../../src/daemon/schedule.ts'
import { deadline } from '../support/deadline.ts'
import { test } from '../support/suite.ts'
import { HOUR, TimedLaptop } from './kit.ts'

test('rounds follow the interval that home sets, and the first one comes soon', async () => {
  const laptop = new TimedLaptop()
  await laptop.until(3)
  const [first = 0, second = 0, third = 0] = laptop.rounds.map(({ at }) => at)
  assert.ok(first >= 5 && first <= 300)
  assert.is(second - first, HOUR)
  assert.is(third - second, HOUR)
  laptop.daemon.end()
  await deadline(laptop.running)
})

test('an interval is bounded, and spread', () => {
  assert.is(afterRound(0, 0, 0.5), 60)
  assert.is(afterRound(1e9, 0, 0.5), 7 * 24 * HOUR)
  assert.is(Math.round(afterRound(HOUR, 0, 0)), 0.8 * HOUR)
  assert.is(Math.round(afterRound(HOUR, 0, 1)), 1.2 * HOUR)
  assert.equal([0, 0.5, 1].map(afterStart), [5, 152.5, 300])
})

test('after failures it tries again sooner, each time later, and never later than the interval', () => {
  assert.equal(
    [1, 2, 3, 4, 50].map((failures) => afterRound(HOUR, failures, 0.5)),
    [300, 600, 1200, 2400, HOUR],
  )
  assert.is(afterRound(100, 1, 0.5), 100)
})

test('each failure in a row is counted, and one success ends the row', async () => {
  const laptop = new TimedLaptop()
  laptop.result = { ...laptop.result, failed: true, answered: false }
  await laptop.until(3)
  assert.is(laptop.daemon.status().failures, 3)
  laptop.result = { ...laptop.result, failed: false }
  await laptop.until(4)
  laptop.result = { ...laptop.result, failed: true }
  await laptop.until(6)
  const times = laptop.rounds.map(({ at }) => at)
  assert.equal(
    times.slice(1).map((at, index) => at - (times[index] ?? 0)),
    [300, 600, 1200, HOUR, 300],
  )
  laptop.daemon.end()
})

test('a hint brings a round forward, by chance within what it asks for', async () => {
  const laptop = new TimedLaptop()
  await laptop.until(1)
  await laptop.after(60)
  const begun = laptop.clock.nowMs() / 1000
  laptop.random = 0.25
  laptop.hint({ reason: 'a push for version 42', withinSeconds: 400 })
  await laptop.until(2)
  assert.is(laptop.rounds[1]?.at, Math.round(begun + 100))
  assert.ok(laptop.logged.some((line) => line.startsWith('a push for version 42')))
  assert.is(laptop.rounds[1]?.hinted, true)
  // One hint, one round: the next is the interval's.
  laptop.random = 0.5
  await laptop.until(3)
  assert.ok((laptop.rounds[2]?.at ?? 0) - (laptop.rounds[1]?.at ?? 0) > 0.7 * HOUR)
  assert.is(laptop.rounds[2]?.hinted, false)
  laptop.daemon.end()
})

test('a hint never puts a round off that is due before it', async () => {
  const laptop = new TimedLaptop()
  await laptop.until(1)
  laptop.random = 1
  laptop.hint({ reason: 'a push', withinSeconds: 2 * HOUR })
  await laptop.until(2)
  assert.is((laptop.rounds[1]?.at ?? 0) - (laptop.rounds[0]?.at ?? 0), HOUR)
  assert.is(laptop.rounds[1]?.hinted, false)
  laptop.daemon.end()
})

test('a flood of hints makes one round', async () => {
  const laptop = new TimedLaptop()
  await laptop.until(1)
  for (let i = 0; i < 200; i++) {
    laptop.hint({ reason: 'a push', withinSeconds: 100 })
    await laptop.after(0.1)
  }
  await laptop.after(200)
  assert.is(laptop.rounds.length, 2)
  laptop.daemon.end()
})

test('of two hints in one turn the sooner one is not lost', async () => {
  const given: ((hint: Hint) => void)[] = []
  const source = { next: () => new Promise<Hint>((resolve) => given.push(resolve)) }
  const laptop = new TimedLaptop({ hints: [source, source] })
  await laptop.until(1)
  await laptop.after(10)
  const [signal, push] = given
  const at = laptop.clock.nowMs() / 1000
  signal?.({ reason: 'a signal', withinSeconds: 0 })
  push?.({ reason: 'a push', withinSeconds: 300 })
  await laptop.until(2)
  assert.ok((laptop.rounds[1]?.at ?? 0) - at < 2)
  laptop.daemon.end()
})

test('a hint in the middle of a round is followed by another round', async () => {
  const laptop = new TimedLaptop()
  laptop.roundSeconds = 500
  await laptop.until(1)
  await laptop.after(10)
  assert.is(laptop.daemon.status().activity, 'in a round')
  laptop.hint({ reason: 'a push', withinSeconds: 2 })
  await laptop.until(2)
  assert.ok((laptop.rounds[1]?.at ?? 0) - (laptop.rounds[0]?.at ?? 0) < 520)
  assert.is(laptop.rounds[1]?.ask, true)
  laptop.daemon.end()
})

test('what a hint asked for in the middle of a round holds, also where the round fails', async () => {
  const laptop = new TimedLaptop()
  laptop.roundSeconds = 500
  laptop.result = { ...laptop.result, failed: true, answered: false }
  await laptop.until(1)
  await laptop.after(10)
  laptop.hint({ reason: 'a push', withinSeconds: 1200 })
  await laptop.after(500)
  assert.is(laptop.daemon.status().because, 'a push')
  await laptop.until(2)
  const { at = 0, ask, hinted } = laptop.rounds[1] ?? {}
  assert.equal([at - (laptop.rounds[0]?.at ?? 0), ask, hinted], [610, true, true])
  laptop.daemon.end()
})

test('each hint of a source is heard', async () => {
  const laptop = new TimedLaptop()
  await laptop.until(1)
  for (let hints = 1; hints <= 3; hints++) {
    laptop.hint({ reason: `push ${hints}`, withinSeconds: 2 })
    await laptop.until(1 + hints)
    assert.is(laptop.rounds.at(-1)?.hinted, true, `push ${hints}`)
  }
  laptop.daemon.end()
})

test('rounds that were missed asleep are made up for once', async () => {
  const laptop = new TimedLaptop()
  await laptop.until(1)
  await laptop.after(120)
  const begun = laptop.clock.nowMs() / 1000
  laptop.asleepSeconds += 10 * HOUR
  await laptop.until(2)
  assert.ok((laptop.rounds[1]?.at ?? 0) - begun <= 121)
  assert.is(laptop.rounds[1]?.ask, true)
  await laptop.after(0.5 * HOUR)
  assert.is(laptop.rounds.length, 2)
  laptop.daemon.end()
})

test('laptops that wake together do not ask together', async () => {
  const missed = async (random: number) => {
    const laptop = new TimedLaptop()
    await laptop.until(1)
    await laptop.after(120)
    laptop.random = random
    laptop.asleepSeconds += 10 * HOUR
    await laptop.until(2)
    laptop.daemon.end()
    return laptop.rounds[1]?.at ?? 0
  }
  assert.is((await missed(1)) - (await missed(0)), 60)
})

test('a short sleep brings the round no further forward than it lasted', async () => {
  const laptop = new TimedLaptop()
  await laptop.until(1)
  laptop.asleepSeconds += 1000
  await laptop.until(2)
  const [first = 0, second = 0] = laptop.rounds.map(({ at }) => at)
  assert.is(second - first, HOUR - 1000)
  laptop.daemon.end()
})

test('a wall clock that is set by less than a minute is no sleep', async () => {
  const laptop = new TimedLaptop()
  await laptop.until(1)
  laptop.asleepSeconds += 59
  await laptop.until(2)
  assert.is((laptop.rounds[1]?.at ?? 0) - (laptop.rounds[0]?.at ?? 0), HOUR)
  laptop.daemon.end()
})

test('a wall clock that is set back changes nothing', async () => {
  const laptop = new TimedLaptop()
  await laptop.until(1)
  laptop.asleepSeconds -= 40 * 365 * 24 * HOUR
  await laptop.until(2)
  assert.is((laptop.rounds[1]?.at ?? 0) - (laptop.rounds[0]?.at ?? 0), HOUR)
  laptop.daemon.end()
})

test('what was put off is looked at again, and nobody is asked for it', async () => {
  const laptop = new TimedLaptop()
  laptop.result = { ...laptop.result, againSeconds: 600 }
  await laptop.until(8)
  assert.equal(
    laptop.rounds.slice(0, 7).map(({ ask }) => ask),
    [true, false, false, false, false, false, true],
  )
  laptop.daemon.end()
})

test('a round that failed without asking home is tried again soon, too', async () => {
  const laptop = new TimedLaptop()
  laptop.result = { ...laptop.result, intervalSeconds: 24 * HOUR, againSeconds: 600 }
  await laptop.until(1)
  laptop.result = {
    ...laptop.result,
    againSeconds: undefined,
    failed: true,
    answered: false,
  }
  await laptop.until(3)
  assert.is((laptop.rounds[2]?.at ?? 0) - (laptop.rounds[1]?.at ?? 0), 300)
  laptop.daemon.end()
})

test('it ends at once, also in the middle of a round, and has counted what it ran', async () => {
  const laptop = new TimedLaptop()
  laptop.roundSeconds = 1e6
  laptop.result = { ...laptop.result, answered: false }
  await laptop.until(1)
  await laptop.after(1000)
  laptop.daemon.end()
  await deadline(laptop.running)
  assert.ok(Math.abs(laptop.counted - laptop.clock.nowMs() / 1000) < 1)
})

test('time is counted each hour, and again where it could not be kept', async () => {
  const counts: number[] = []
  const count = (seconds: number) => counts.push(Math.round(seconds)) > 1
  const laptop = new TimedLaptop({ count })
  laptop.result = { ...laptop.result, answered: false, intervalSeconds: 24 * HOUR }
  await laptop.until(1)
  await laptop.after(2.5 * HOUR)
  const [first = 0, second = 0, third = 0, ...more] = counts
  assert.ok(first >= HOUR && first <= HOUR + 60, String(counts))
  assert.ok(second > first && second <= first + 60, String(counts))
  assert.ok(third >= HOUR && third <= HOUR + 60, String(counts))
  assert.equal(more, [])
  laptop.daemon.end()
})

test('time is counted from an answer on', async () => {
  const laptop = new TimedLaptop()
  await laptop.until(2)
  await laptop.after(100)
  laptop.daemon.end()
  await deadline(laptop.running)
  // An hour between the rounds was counted at most once, and the answer began it again.
  assert.ok(laptop.counted <= HOUR + 101, String(laptop.counted))
})

test('a bug in a round ends the daemon, and is told', async () => {
  const laptop = new TimedLaptop({ round: () => Promise.reject(new Error('a bug')) })
  const failed = laptop.daemon.run().then(
    () => undefined,
    (error: Error) => error.message,
  )
  await laptop.clock.pass(() => laptop.daemon.status().activity === 'in a round')
  assert.is(await deadline(failed), 'a bug')
})

test('a source of hints that breaks is told once, and the rounds go on', async () => {
  let asked = 0
  const broken = {
    next: () => {
      asked++
      return Promise.reject(new Error('no network'))
    },
  }
  const laptop = new TimedLaptop({ hints: [broken] })
  await laptop.until(3)
  assert.is(asked, 1)
  assert.equal(laptop.logged[0], 'no more hints: no network')
  laptop.daemon.end()
})

test.run()
