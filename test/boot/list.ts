/** The cases by their names, in the order in which they are run. */
import {
  deletedTree,
  geode,
  refusals,
  sickRelease,
  stick,
  upgrade,
  zeroedLibrary,
} from './cases.ts'
import { repairs, versionBefore, whatPersists } from './choice-cases.ts'
import { type CutOptions, cutPowerOften } from './cuts.ts'
import { cutsOnFlash, cutsOnNand, swapOnFlash } from './flash-cases.ts'
import { liveSwap, liveSwapRefused, liveSwapUnderSysvinit } from './live-cases.ts'
import type { Init, Stage } from './stage.ts'
import { hangingRelease, healthyRelease, takenOver, unstoppable } from './watchdog-cases.ts'
import { wireless } from './wireless-cases.ts'

export interface Case {
  name: string
  init: Init
  /** Returns what the screen said, if somebody may want to read it. */
  run(stage: Stage, init: Init, options: CutOptions): Promise<string | undefined>
}

type Run = (stage: Stage, init: Init, options: CutOptions) => Promise<unknown>

const quiet = (name: string, init: Init, run: Run): Case => ({
  ...{ name, init },
  async run(stage, _init, options) {
    await run(stage, init, options)
    return undefined
  },
})

export const CASES: Case[] = [
  { name: '1 upgrade, trial, confirm (systemd)', init: 'systemd', run: upgrade },
  quiet('1 upgrade, trial, confirm (busybox)', 'busybox', upgrade),
  quiet('2 a release that never becomes healthy (busybox)', 'busybox', sickRelease),
  quiet('2 a release that never becomes healthy (systemd)', 'systemd', sickRelease),
  quiet('2 a release that stands still, and a watchdog (busybox)', 'busybox', hangingRelease),
  quiet('2 a healthy release, and a watchdog (busybox)', 'busybox', healthyRelease),
  quiet('2 a healthy release, and a watchdog that never stops', 'busybox', unstoppable),
  quiet('2 a healthy release, and a watchdog that systemd feeds', 'systemd', takenOver),
  quiet('3 the system is deleted', 'busybox', deletedTree),
  quiet('3 the C library is zeros', 'busybox', zeroedLibrary),
  quiet('4 no network, but a stick', 'busybox', stick),
  quiet('4 no cable, but a radio', 'busybox', wireless),
  quiet('5 power cuts', 'busybox', (stage, _, options) => cutPowerOften(stage, options)),
  quiet('5 the swap on flash (JFFS2)', 'busybox', swapOnFlash),
  quiet('5 power cuts on flash (JFFS2)', 'busybox', (stage, _, options) =>
    cutsOnFlash(stage, options),
  ),
  quiet('5 power cuts on NAND (JFFS2), and a live swap', 'busybox', cutsOnNand),
  quiet('6 live swap (busybox)', 'busybox', liveSwap),
  quiet('6 live swap (systemd)', 'soft', liveSwap),
  quiet('6 live swap (sysvinit)', 'sysvinit', liveSwapUnderSysvinit),
  quiet('6 live swap that is refused (an older systemd)', 'systemd', liveSwapRefused),
  quiet('7 the i586 program as /init', 'busybox', geode),
  quiet('8 what is refused', 'busybox', refusals),
  quiet('9 the version before, by a word and from the menu', 'busybox', versionBefore),
  quiet('9 a repair, by a word and from the menu', 'busybox', repairs),
  quiet('9 a read-only tree, and what persists', 'busybox', whatPersists),
]
