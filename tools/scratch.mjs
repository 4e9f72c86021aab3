/**
 * A folder to work in that is gone afterwards, however the work ends: done, failed, or stopped by a signal.
 * Programs started for the work are ended first.
 */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { stopAll } from './measure.mjs'

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }

/** Removes the folders of runs that were killed before they could clean up. */
function removeStale(parent, name) {
  for (const entry of readdirSync(parent)) {
    const pid = new RegExp(`^${name}-([0-9]+)$`).exec(entry)?.[1]
    if (pid && !existsSync(`/proc/${pid}`)) {
      rmSync(join(parent, entry), { recursive: true, force: true })
    }
  }
}

/** Calls `use(folder)` with a new empty folder `NAME-PID` in `parent`. */
export async function withScratch(parent, name, use) {
  mkdirSync(parent, { recursive: true })
  removeStale(parent, name)
  const folder = join(parent, `${name}-${process.pid}`)
  mkdirSync(folder)
  let stopped = false
  const cleanUp = async () => {
    await stopAll()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  const stop = async (signal) => {
    if (stopped) return
    stopped = true
    process.stderr.write(`\n${signal}: cleaning up ...\n`)
    await cleanUp()
    process.exit(128 + SIGNALS[signal])
  }
  for (const signal of Object.keys(SIGNALS)) process.on(signal, stop)
  try {
    return await use(folder)
  } catch (error) {
    // The signal ended what was running; that is no failure to report, and `stop` ends us.
    if (stopped) await new Promise(() => {})
    throw error
  } finally {
    if (!stopped) await cleanUp()
    for (const signal of Object.keys(SIGNALS)) process.off(signal, stop)
  }
}
