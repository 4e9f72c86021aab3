/**
 * `--wait`: a command that waits for the sources by itself, instead of ending with status 75. The wait
 * stands in the store, so it goes on after a restart; the lock is free meanwhile.
 */
import { LaterError } from '../errors.ts'
import { formatInstant } from '../release/fields.ts'
import { secondsLeft } from '../source/order.ts'
import { faultOf } from '../source/search.ts'
import { readState } from '../store/state.ts'
import type { Context } from './context.ts'

/** One sleep: a wall clock that is set meanwhile is noticed after it. */
const SLEEP_MAX_SECONDS = 60

/** Runs `once`, and again after each wait, until it ends otherwise than by the sources' fault. */
export async function untilServed(context: Context, once: () => Promise<number>): Promise<number> {
  for (;;) {
    await waitForTurn(context)
    try {
      return await once()
    } catch (error) {
      if (!(error instanceof LaterError) && !faultOf(error)) throw error
      // Without a wait in the store (it could not even be opened) this would go round and round.
      if (waitOf(context) === 0) throw error
      context.progress.note((error as Error).message)
    }
  }
}

async function waitForTurn(context: Context): Promise<void> {
  const { clock } = context.host
  let left = waitOf(context)
  if (left > 0) {
    context.progress.note(
      `waiting until ${formatInstant(Math.round(clock.wallSeconds() + left))} before the next try`,
    )
  }
  for (; left > 0; left = waitOf(context)) {
    await clock.sleep(Math.min(left, SLEEP_MAX_SECONDS) * 1000)
  }
}

/** Seconds until the next try is due. */
function waitOf(context: Context): number {
  const store = context.store()
  try {
    return secondsLeft(readState(store).wait, context.host.clock.wallSeconds())
  } finally {
    store.close()
  }
}
