/**
 * `--wait`: a command that waits for the sources by itself, instead of ending with status 75. The wait
 * is recorded in the store, so it goes on after a restart; the lock is free in the meantime.
 */
import { LaterError } from '../errors.ts'
import { formatInstant } from '../release/fields.ts'
import { secondsLeft } from '../source/order.ts'
import { faultOf } from '../source/search.ts'
import { readState } from '../store/state.ts'
import type { Device } from './device.ts'

/** One sleep: after it we notice if the wall clock was set. */
const SLEEP_MAX_SECONDS = 60

/** Runs `once`, and again after each wait, until it ends for a reason other than the sources' fault. */
export async function untilServed<Result>(
  device: Device,
  once: () => Promise<Result>,
): Promise<Result> {
  for (;;) {
    await waitForTurn(device)
    try {
      return await once()
    } catch (error) {
      if (!(error instanceof LaterError) && !faultOf(error)) throw error
      // Without a wait in the store (it could not even be opened) this would go round in circles.
      if (waitOf(device) === 0) throw error
      device.progress.note((error as Error).message)
    }
  }
}

async function waitForTurn(device: Device): Promise<void> {
  const { clock } = device.host
  let left = waitOf(device)
  if (left > 0) {
    device.progress.note(
      `waiting until ${formatInstant(Math.round(clock.wallSeconds() + left))} before the next try`,
    )
  }
  for (; left > 0; left = waitOf(device)) {
    await clock.sleep(Math.min(left, SLEEP_MAX_SECONDS) * 1000)
  }
}

/** Seconds until the next try is due. */
function waitOf(device: Device): number {
  const store = device.store()
  try {
    return secondsLeft(readState(store).wait, device.host.clock.wallSeconds())
  } finally {
    store.close()
  }
}
