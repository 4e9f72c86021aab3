// deadline: 20 minutes
/**
 * Errors of the kernel at calls of every scenario: all with `npm run power-cut -- --faults`; in `npm test` some,
 * picked by the seed.
 */

import * as assert from 'uvu/assert'
import { settings } from '../support/settings.ts'
import { test } from '../support/suite.ts'
import { proveFaults } from './faults.ts'
import { setStage } from './scenarios.ts'
import { seedOfRun } from './seed.ts'

const SHARE = settings.whole ? 1 : 0.04

const stage = await setStage()
const seed = seedOfRun()
let faults = 0
let possible = 0

for (const scenario of stage.scenarios) {
  test(`${scenario.name}: a call of the kernel fails once`, async () => {
    const proof = await proveFaults(stage.world, scenario, { share: SHARE, seed })
    assert.equal(proof.failures.slice(0, 5), [])
    // An injector that fails nothing would prove nothing.
    assert.ok(proof.survived < proof.faults, `${proof.survived} of ${proof.faults} survived`)
    faults += proof.faults
    possible += proof.possible
  })
}

test.after(() => console.log(`${faults} of ${possible} faults, seed ${seed}`))

test.run()
