// deadline: 20 minutes
/**
 * The proof: every scenario under its crash models. All of it with `npm run power-cut`; in `npm test` the
 * fast part, at every seventh operation.
 */

import * as assert from 'uvu/assert'
import { describeOperation, type Operation } from '../../runtime/emulator/disk/operations.ts'
import { settings } from '../support/settings.ts'
import { test } from '../support/suite.ts'
import { type Failure, prove } from './prove.ts'
import { modelsOf, setStage } from './scenarios.ts'
import { seedOfRun } from './seed.ts'

/**
 * How many of the possible outcomes of a cut are looked at, and how many cuts are followed by second ones.
 */
const WHOLE = { choicesMax: 16, secondChoicesMax: 2, secondShare: 0.002 }
const SAMPLE = { choicesMax: 4, secondChoicesMax: 1, secondShare: 0, stride: 7 }
/** Operations shown before and after the chosen one. */
const AROUND = 8

const { whole, model: wanted, cut } = settings
const stage = await setStage()
const seed = seedOfRun()
const sum = { cuts: 0, second: 0, states: 0, possible: 0 }

for (const scenario of stage.scenarios) {
  for (const model of modelsOf(scenario)) {
    if (wanted !== undefined && wanted !== model) continue
    test(`${scenario.name}, cut under the ${model} model`, async () => {
      const options = { ...(whole ? WHOLE : SAMPLE), model, seed, cut }
      const proof = await prove(stage.world, scenario, options)
      const { cases, secondCuts, states, possible, operations, failures } = proof
      sum.cuts += cases
      sum.second += secondCuts
      sum.states += states
      sum.possible += possible
      if (cut !== undefined) showAround(operations, cut)
      assert.equal(failures.map(told), [])
      assert.ok(operations.length > 5, `${operations.length} operations`)
      assert.ok(states > (cut === undefined ? 1 : 0), `${states} states`)
    })
  }
}

function told({ scenario, model, cut: first, secondCut, message }: Failure): string {
  const second = secondCut === undefined ? '' : ` and ${secondCut} of what followed`
  return (
    `cut before operation ${first}${second}: ${message}\nrepeat with: npm run power-cut -- ` +
    `--seed ${seed} --scenario "${scenario}," --model ${model} --cut ${first}`
  )
}

function showAround(operations: Operation[], place: number): void {
  for (const [index, operation] of operations.entries()) {
    if (Math.abs(index - place) > AROUND) continue
    const mark = index === place ? '>>' : '  '
    console.log(`  ${mark} ${String(index).padStart(4)} ${describeOperation(operation)}`)
  }
}

test.after(() => {
  const { cuts, second, states, possible } = sum
  console.log(
    `${cuts} cuts looked at (${second} of them second cuts) of ${possible.toExponential(1)} that ` +
      `the models allow, ${states} distinct crash states, seed ${seed}`,
  )
})

test.run()
