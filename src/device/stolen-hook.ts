/** What the operator wants run on a laptop that was reported stolen. */
import { isSystemError } from '../errors.ts'
import { whyNotStarted } from '../hooks.ts'
import { show } from '../text.ts'
import type { Device } from './device.ts'
import type { Configuration } from './settings.ts'

type Startable = import('native:processes').Startable

/** How long to wait for a hook. After that it goes on by itself. */
const HOOK_TIMEOUT_MS = 60_000

/** How it is started. */
export function stolenHookPrograms({ stolenHook }: Configuration): Startable[] {
  if (stolenHook === undefined) return []
  return [{ command: [stolenHook], environment: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'] }]
}

/** Runs in every round for as long as the laptop counts as stolen. */
export async function runStolenHook({ configuration, host, progress }: Device): Promise<void> {
  const [program] = stolenHookPrograms(configuration)
  const [stolenHook] = program?.command ?? []
  if (!program || stolenHook === undefined) return
  try {
    const process = host.processes.start({ ...program, pipe: false })
    const late = host.clock.sleep(HOOK_TIMEOUT_MS).then(() => undefined)
    const status = await Promise.race([process.ended, late])
    const ended = status === undefined ? 'still runs' : `ended with status ${status}`
    progress.note(`the hook ${show(stolenHook)} ${ended}`)
  } catch (error) {
    if (!isSystemError(error)) throw error
    progress.note(`the hook ${show(stolenHook)} ${whyNotStarted(host.files, stolenHook, error)}`)
  }
}
