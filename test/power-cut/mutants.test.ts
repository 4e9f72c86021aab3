/** The defects that the proof catches quickly; `npm run power-cut -- --mutants` shows it all of them. */

import * as assert from 'uvu/assert'
import { test } from '../support/suite.ts'
import { catchMutant } from './catch.ts'
import { MUTANTS } from './mutants.ts'
import { setStage, withProgram } from './scenarios.ts'

/** In scenarios of few operations. */
const QUICK = [
  'no fsync at all',
  'directories are not synced',
  'the state is renamed before it is synced',
  'the state is written in place',
  'swap before state',
  'two renames without an intent',
  'the old previous tree may come back',
  'no recovery at the start',
  'a tree is discarded with its release in place',
  'the floor is not raised',
  'the floor is raised before the manifest is proved',
  'the old tree is not set aside',
  'a boot is not counted',
  'a boot is counted and not synced before it starts',
  'confirmed before it is known to be healthy',
  'a bad version is not remembered',
  'a trial is not remembered',
  'a roll-back is not written down before it is done',
  'the way back forgets what it left',
  'second names are not seen',
]

const stage = await setStage()

for (const name of QUICK) {
  test(`caught: ${name}`, async () => {
    const mutant = MUTANTS.find((each) => each.name === name)
    if (!mutant) throw new Error(`there is no defect "${name}"`)
    const quick = withProgram(stage, mutant.program)
    quick.scenarios = stage.scenarios.filter(({ name: each }) =>
      /^(confirm|boot|first boot|roll back|swap with|upgrade and swap)/.test(each),
    )
    assert.ok(await catchMutant(quick, mutant, 1))
  })
}

test('there are enough defects, each with a name of its own', () => {
  const names = new Set(MUTANTS.map(({ name }) => name))
  assert.is(names.size, MUTANTS.length)
  assert.ok(names.size >= 25)
})

test.run()
