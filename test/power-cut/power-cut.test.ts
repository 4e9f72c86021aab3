/** The fast part of the proof: every scenario under its crash models, at every fifth operation. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { prove } from './prove.ts'
import { modelsOf, setStage } from './scenarios.ts'

const stage = await setStage()

for (const [index, scenario] of stage.scenarios.entries()) {
  for (const model of modelsOf(scenario)) {
    test(`${scenario.name}, cut under the ${model} model`, async () => {
      const seed = index + 1
      const options = { model, seed, choicesMax: 4, secondChoicesMax: 1, secondShare: 0 }
      const proof = await prove(stage.world, scenario, { ...options, stride: 5 })
      assert.equal(proof.failures, [])
      assert.ok(proof.operations.length > 15, `${proof.operations.length} operations`)
      assert.ok(proof.states > 5, `${proof.states} states`)
    })
  }
}

test.run()
