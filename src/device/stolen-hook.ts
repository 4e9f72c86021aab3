/** What the operator wants run on a laptop that was reported stolen. */
import { isSystemError } from '../errors.ts'
import { whyNotStarted } from '../hooks.ts'
import { show } from '../text.ts'
import type { Device } from './device.ts'

/** How long to wait for a hook. After that it goes on by itself. */
const HOOK_TIMEOUT_MS = 60_000

/** Runs in every round for as long as the laptop counts as stolen. */
export async function runStolenHook({ configuration, host, progress }: Device): Promise<void> {
  const { stolenHook } = configuration
  if (stolenHook === undefined) return
  try {
    const environment = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin']
    const process = host.processes.start({ command: [stolenHook], environment, pipe: false })
    const late = host.clock.sleep(HOOK_TIMEOUT_MS).then(() => undefined)
    const status = await Promise.race([process.ended, late])
    const ended = status === undefined ? 'still runs' : `ended with status ${status}`
    progress.note(`the hook ${show(stolenHook)} ${ended}`)
  } catch (error) {
    if (!isSystemError(error)) throw error
    progress.note(`the hook ${show(stolenHook)} ${whyNotStarted(host.files, stolenHook, error)}`)
  }
}
