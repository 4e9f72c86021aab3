/** What the operator wants run on a laptop that was reported stolen. */
import { isSystemError } from '../errors.ts'
import { whyNotStarted } from '../hooks.ts'
import { show } from '../text.ts'
import type { Device } from './device.ts'

/** Longer than that a hook is not waited for. It goes on by itself. */
const HOOK_TIMEOUT_MS = 60_000

/** Also in each further round, as long as the laptop is known as stolen. */
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
