/**
 * Memory refused to the first process in every step of a start, and of a repair from a stick: it boots
 * at once or at the second try, or restarts the machine; it never ends. `XO_REFUSED_RUNS=N` tries more
 * than the usual few.
 */

import * as assert from 'uvu/assert'
import { suite } from '../support/suite.ts'
import { type Refused, RefusedLaptop } from './refusal.ts'

/** Of JavaScript's allocations, which are many. */
const RUNS = 8
const test = suite('memory refused to process 1')

function prove(refused: Refused[]): void {
  for (const { wish, step, end, output } of refused) {
    console.log(`${wish}, while ${step}: ${end ?? 'ENDED'}`)
    assert.ok(end, `XO_REFUSE=${wish}, while ${step}:\n${output}`)
  }
  // Refusals that nobody notices would prove nothing.
  assert.ok(refused.some(({ end }) => end === 'boots again'))
}

for (const [name, damaged] of [
  ['a start', false],
  ['a repair', true],
] as const) {
  test(name, async () => {
    const laptop = await RefusedLaptop.make(damaged)
    const counts = await laptop.count()
    console.log(`${name}: ${counts.native} allocations of C, ${counts.javascript} of JavaScript`)
    const runs = Number(process.env.XO_REFUSED_RUNS ?? RUNS)
    prove(
      damaged
        ? await laptop.sample('native', counts.native, runs)
        : await laptop.each('native', counts.native),
    )
    prove(await laptop.sample('javascript', counts.javascript, runs))
  })
}

test.run()
