/**
 * The lock screen of a laptop that was stolen, or whose lease is over: it shows why, and looks for a
 * signed word that frees it, on a stick and over the network, for as long as it takes. There is no
 * shell here.
 */
import { isSystemError, UpgradeError } from '../errors.ts'
import { show } from '../text.ts'
import type { Boot } from './boot.ts'
import { bringNetworkUp } from './network.ts'
import { showTrouble } from './rescue.ts'
import { mountNamed, unmountStick } from './stick.ts'

const LOOK_AGAIN_MS = 60_000

/** One look, and the screen until the next; the caller decides anew. */
export async function waitForRelease(boot: Boot, reason: string): Promise<void> {
  const { ground, console, settings, store } = boot
  if (!store) return
  const found: string[] = []
  const say = (text: string) => {
    found.push(text)
    console.line(text)
  }
  console.line(reason)
  const folder = await mountNamed(ground.host, settings.stickLabels, say)
  try {
    for (const sentence of await bringNetworkUp(ground.host)) say(sentence)
    await ground.findRelease(store, folder === undefined ? [] : [folder], say)
  } catch (error) {
    if (!isSystemError(error) && !(error instanceof UpgradeError)) throw error
    say(show(error.message))
  } finally {
    unmountStick(ground.host)
  }
  if (ground.locked(store) === undefined) return
  await showTrouble(console, {
    title: 'This laptop is locked.',
    lines: [
      reason,
      'Bring it back to its school: there, or with a stick from there, it is freed.',
      '',
      ...found.map((line) => `  - ${line}`),
    ],
    shellAllowed: false,
    afterMs: LOOK_AGAIN_MS,
    next: 'it looks again',
  })
}
