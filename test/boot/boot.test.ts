// deadline: 30 minutes
/**
 * The short form of `npm run test:boot`: the upgrade with its trial, a release that never becomes
 * healthy, a system that repairs itself, two power cuts, a live swap with a watchdog for its trial, and
 * the i586 program. Real boots of a Debian kernel in QEMU.
 */
import { test } from '../support/suite.ts'
import { CASES } from './list.ts'
import { setStage } from './stage.ts'

const SHORT = [
  '1 upgrade, trial, confirm (systemd)',
  '2 a release that never becomes healthy (busybox)',
  '3 the system is deleted',
  '3 the C library is zeros',
  '5 power cuts',
  '6 live swap (busybox)',
  '7 the i586 program as /init',
]
const CUTS = 2
/** The same moments each time: what fails can be repeated. */
const SEED = 1

const chosen = SHORT.map((name) => {
  const found = CASES.find((each) => each.name === name)
  if (!found) throw new Error(`no case is called ${name}`)
  return found
})
const stage = await setStage(chosen.map(({ init }) => init))
for (const { name, init, run } of chosen) {
  test(name, async () => {
    await run(stage, init, { cuts: CUTS, seed: SEED })
  })
}

test.run()
