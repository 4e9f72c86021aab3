/** The fast part of the proof: every scenario under both crash models, at every fifth operation. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CrashModel } from '../../runtime/emulator/disk/crash.ts'
import { prove } from './prove.ts'
import { setStage } from './scenarios.ts'

const stage = await setStage()

for (const model of ['ordered', 'weak'] as CrashModel[]) {
  for (const [index, scenario] of stage.scenarios.entries()) {
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
