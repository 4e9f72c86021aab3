// deadline: 20 minutes
/**
 * Memory refused at a run's allocations, C's and QuickJS': with `npm run power-cut -- --memory` each of C's, and a
 * thousand of the others; in `npm test` some.
 */

import * as assert from 'uvu/assert'
import { settings } from '../support/settings.ts'
import { test } from '../support/suite.ts'
import { MemoryStage } from './memory.ts'
import { seedOfRun } from './seed.ts'

/** If there are fewer, all of them may come where they make no difference. */
const TELLING = 8
const SAMPLES = settings.samples ?? (settings.whole ? 1000 : TELLING)
const seed = seedOfRun()
const stage = await MemoryStage.set()

test.after(() => stage.stop())

for (const task of ['install', 'upgrade', 'swap']) {
  test(`${task}: memory is refused, once or from then on`, async () => {
    const options = { seed, samplesMax: SAMPLES, restEvery: 3, tasks: [task] }
    const proofs = await stage.prove(options)
    for (const { kind, refused, allocations, failures } of proofs) {
      console.log(`${task}: ${refused} of ${allocations} ${kind} allocations refused, seed ${seed}`)
      assert.equal(failures, [])
    }
    const javascript = proofs.find(({ kind }) => kind === 'javascript')
    // Refusals that nobody notices would prove nothing.
    assert.ok(javascript && javascript.refused === SAMPLES)
    assert.ok(SAMPLES < TELLING || javascript.survived < SAMPLES)
  })
}

test.run()
