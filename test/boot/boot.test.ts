// deadline: 30 minutes
/**
 * Real boots of a Debian kernel in QEMU. All cases with `npm run test:boot`; in `npm test` the upgrade with
 * its trial, a release that never becomes healthy, a system that repairs itself, two power cuts, a live
 * swap with a watchdog for its trial, and the i586 program.
 */
import { writeFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'
import { settings } from '../support/settings.ts'
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
/** The same moments each time, so that a failure can be repeated. */
const { whole, cuts = 2, seed = 1, console: screenFile } = settings

/** Without colours and carriage returns. */
function plain(text: string): string {
  return stripVTControlCharacters(text).replace(/\r/g, '')
}

const chosen = CASES.filter(({ name }) => whole || SHORT.includes(name))
if (!whole && chosen.length < SHORT.length) throw new Error('a case of the short form is gone')
for (const { name, init, run } of chosen) {
  test(name, async () => {
    const heard = (line: string) => console.log(`     ${line}`)
    const screen = await run(await setStage([init]), init, { cuts, seed, heard })
    if (screen && screenFile) writeFileSync(screenFile, plain(screen))
  })
}

test.run()
