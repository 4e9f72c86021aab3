// deadline: 20 minutes
/** The fast part of the proof: every scenario under its crash models, at every seventh operation. */

import * as assert from 'uvu/assert'
import { test } from '../support/suite.ts'
import { prove } from './prove.ts'
import { modelsOf, setStage } from './scenarios.ts'
import { seedOfRun } from './seed.ts'

const stage = await setStage()
const seed = seedOfRun()
const sum = { cuts: 0, states: 0 }

for (const scenario of stage.scenarios) {
  for (const model of modelsOf(scenario)) {
    test(`${scenario.name}, cut under the ${model} model`, async () => {
      const options = { model, seed, choicesMax: 4, secondChoicesMax: 1, secondShare: 0 }
      const proof = await prove(stage.world, scenario, { ...options, stride: 7 })
      sum.cuts += proof.cases
      sum.states += proof.states
      assert.equal(proof.failures, [])
      assert.ok(proof.operations.length > 5, `${proof.operations.length} operations`)
      assert.ok(proof.states > 1, `${proof.states} states`)
    })
  }
}

test.after(() => console.log(`${sum.cuts} cuts, ${sum.states} distinct states, seed ${seed}`))

test.run()
