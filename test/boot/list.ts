/** The cases by their names, in the order in which they are run. */
import {
  deletedTree,
  flash,
  geode,
  liveSwap,
  refusals,
  sickRelease,
  stick,
  upgrade,
  zeroedLibrary,
} from './cases.ts'
import { type CutOptions, cutPowerOften } from './cuts.ts'
import type { Stage } from './stage.ts'

export interface Case {
  name: string
  /** Returns what the screen said where somebody may want to read it. */
  run(stage: Stage, options: CutOptions): Promise<string | undefined>
}

const quiet = (run: (stage: Stage) => Promise<unknown>) => async (stage: Stage) => {
  await run(stage)
  return undefined
}

export const CASES: Case[] = [
  { name: '1 upgrade, trial, confirm (systemd)', run: (stage) => upgrade(stage, 'systemd') },
  {
    name: '1 upgrade, trial, confirm (busybox)',
    run: quiet((stage) => upgrade(stage, 'busybox')),
  },
  {
    name: '2 a release that never becomes healthy (busybox)',
    run: quiet((stage) => sickRelease(stage, 'busybox')),
  },
  { name: '3 the system is deleted', run: quiet((stage) => deletedTree(stage, 'busybox')) },
  { name: '3 the C library is zeros', run: quiet((stage) => zeroedLibrary(stage, 'busybox')) },
  { name: '4 no network, but a stick', run: quiet((stage) => stick(stage, 'busybox')) },
  {
    name: '5 power cuts',
    run: async (stage, options) => {
      await cutPowerOften(stage, options)
      return undefined
    },
  },
  {
    name: '5 the swap on flash (JFFS2)',
    run: quiet((stage) => flash(stage, 'busybox')),
  },
  { name: '6 live swap (busybox)', run: quiet((stage) => liveSwap(stage, 'busybox')) },
  { name: '7 the i586 program as /init', run: quiet((stage) => geode(stage, 'busybox')) },
  { name: '8 what is refused', run: quiet((stage) => refusals(stage, 'busybox')) },
]
