/** One run of the flow: opens and closes its sources, and leaves in the state record how it ended. */
import { recordRun } from '../call-home/lock.ts'
import { isExpected } from '../errors.ts'
import { keepRoom, spaceError } from '../store/room.ts'
import { changeState } from '../store/state.ts'
import type { Store } from '../store/store.ts'
import type { Upgrade } from '../upgrade.ts'
import type { Device } from './device.ts'
import { type JobWish, jobOf } from './job.ts'

/** Runs the flow and leaves in the state record how it ended. */
export async function recorded<Result extends { outcome: string; version: number }>(
  device: Device,
  store: Store,
  flow: (job: Upgrade) => Promise<Result>,
  wish: JobWish,
): Promise<Result> {
  const sources = device.sources(store, wish.sources)
  keepRoom(store)
  try {
    const result = await flow(jobOf(device, store, sources, wish))
    record(store, result.outcome, `version ${result.version}`)
    return result
  } catch (thrown) {
    const { reserveBytes } = device.configuration
    const error = thrown instanceof Error ? spaceError(store, thrown, reserveBytes) : thrown
    try {
      if (isExpected(error)) record(store, error.name, error.message)
    } catch {
      // If the disk can't take the record, the first error is about that.
    }
    throw error
  } finally {
    for (const source of sources) source.close()
  }
}

/**
 * Leaves in the state record that somebody forges replies of the home server, so that `status` and
 * the next call home name the attack.
 */
export function recordAttack(store: Store, attack: Error): void {
  try {
    record(store, attack.name, attack.message)
  } catch (error) {
    // The attack is reported all the same, and a full store is for another round to deal with.
    if (!isExpected(error)) throw error
  }
}

/** How what was done last ended. */
export function record(store: Store, outcome: string, message: string): void {
  const time = new Date(store.host.clock.wallSeconds() * 1000).toISOString()
  changeState(store, { last: { time, outcome, message } })
}

/** Counts time that the laptop ran. False if the record could not be changed now. */
export function countRun(device: Device, seconds: number): boolean {
  try {
    const store = device.store()
    try {
      recordRun(store, seconds)
      return true
    } finally {
      store.close()
    }
  } catch (error) {
    if (!isExpected(error)) throw error
    return false
  }
}
