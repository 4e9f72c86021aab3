/** Errors of the kernel at any call; `npm run power-cut -- --faults` tries all of them. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { proveFaults } from './faults.ts'
import { setStage } from './scenarios.ts'

const stage = await setStage()

/** Few enough for some seconds; primes, so that every kind of call meets every error somewhere. */
const STRIDES: Record<string, number> = {
  install: 11,
  'upgrade and swap': 7,
  'roll back': 1,
  'upgrade out of the previous tree': 13,
  'swap with a previous tree': 3,
  'swap with a previous tree without exchange': 3,
  'roll back without exchange': 1,
}

for (const scenario of stage.scenarios.filter(({ name }) => name in STRIDES)) {
  test(`${scenario.name}: a call of the kernel fails once`, async () => {
    const proof = await proveFaults(stage.world, scenario, STRIDES[scenario.name] ?? 1)
    assert.equal(proof.failures.slice(0, 5), [])
    assert.ok(proof.faults > 50, `${proof.faults} faults`)
  })
}

test.run()
