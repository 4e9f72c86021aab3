/**
 * The lock screen of a laptop that was stolen, or whose lease is over: it shows why, and looks for a
 * signed statement that frees it, on a stick and over the network, for as long as it takes. There is no
 * shell here.
 */
import type { Path } from '../host.ts'
import type { Boot } from './boot.ts'
import { sendOnErrand } from './errand.ts'
import { lockedBy } from './freedom.ts'
import { eachStick } from './machine/stick.ts'
import { showTrouble } from './screen/rescue.ts'

const LOOK_AGAIN_MS = 60_000

/** One look, and the screen until the next; the caller then decides again. */
export async function waitForRelease(boot: Boot, reason: string): Promise<void> {
  const { host, console, network, settings, store } = boot
  if (!store) return
  const found: string[] = []
  const say = (text: string) => {
    found.push(text)
    console.line(text)
  }
  console.line(reason)
  await eachStick(host, settings.stickLabels, say, async ({ folder }) => {
    await look(boot, [folder], say)
    return lockedBy(host, store) === undefined
  })
  if (lockedBy(host, store) === undefined) return
  for (const sentence of await network.bringUp()) say(sentence)
  await look(boot, [], say)
  if (lockedBy(host, store) === undefined) return
  await showTrouble(console, {
    title: 'This laptop is locked.',
    lines: [
      reason,
      'Bring it back to its school: there, or with a stick from there, it is freed.',
      '',
    ],
    found,
    shellAllowed: false,
    afterMs: LOOK_AGAIN_MS,
    next: 'it looks again',
  })
}

/** Whoever looks only changes the store's record; what that says then is decided here. */
async function look(boot: Boot, places: Path[], say: (text: string) => void) {
  if (!boot.store) return
  const errand = { task: 'free', store: boot.store.path, places } as const
  await sendOnErrand(boot, { ...errand, asksNetwork: false, known: '' }, say)
}
