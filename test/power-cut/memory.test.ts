// deadline: 20 minutes
/**
 * Memory refused at some of a run's allocations, C's and QuickJS'; `npm run power-cut -- --memory`
 * tries each of C's, and a thousand of the others.
 */

import * as assert from 'uvu/assert'
import { test } from '../support/suite.ts'
import { MemoryStage } from './memory.ts'
import { seedOfRun } from './seed.ts'

const SAMPLES = 8
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
    // A refusal that nobody notices would prove nothing.
    assert.ok(javascript && javascript.refused === SAMPLES && javascript.survived < SAMPLES)
  })
}

test.run()
