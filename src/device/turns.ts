/**
 * Two commands that want the trees. The second one says so and waits for a moment; the first one goes
 * on, unless it does nothing but wait for a source: then it gives way, and begins again when the other
 * one is done. It loses nothing, since it goes on from what it had staged.
 */
import { BusyError } from '../errors.ts'
import type { Progress } from '../progress.ts'
import type { Store } from '../store/store.ts'
import { claimTurn, GaveWayError } from '../store/turn.ts'

/** Between two tries for a lock that somebody else holds (milliseconds). */
const LOCK_AGAIN_MS = 250
/** Whoever gives way looks around once a second: after this it does not (seconds). */
const GIVE_WAY_SECONDS = 3
/** Whoever gave way lets the other one go first (milliseconds). */
const FIRST_PAUSE_MS = 1000
/** And goes on if it gets the lock back within this; a whole upgrade from a stick takes less (seconds). */
const BACK_SECONDS = 1800

/** Locks the trees, if they are free or given free in time. */
export async function lockInTurn(
  store: Store,
  progress: Progress,
  waitSeconds: number,
): Promise<void> {
  if (store.tryLock()) return
  const takeBack = claimTurn(store)
  try {
    await lockWithin(store, Math.max(waitSeconds, GIVE_WAY_SECONDS), (error) => {
      if (waitSeconds === 0) return
      progress.note(`${error.message}: waiting for it, at most ${waitSeconds} s`)
    })
  } finally {
    takeBack()
  }
}

/** Does what `use` does under the lock of the trees, which gives way to others. Nothing of `use` may hold on to the trees. */
export async function givingWay<Result>(
  store: Store,
  progress: Progress,
  use: () => Result | Promise<Result>,
): Promise<Result> {
  for (;;) {
    try {
      store.givesWay = true
      return await use()
    } catch (error) {
      if (!(error instanceof GaveWayError)) throw error
      store.unlock()
      progress.note(error.message)
      await store.host.clock.sleep(FIRST_PAUSE_MS)
      await lockWithin(store, BACK_SECONDS)
    } finally {
      store.givesWay = false
    }
  }
}

async function lockWithin(
  store: Store,
  seconds: number,
  busy?: (error: BusyError) => void,
): Promise<void> {
  const { clock } = store.host
  const endMs = clock.monotonicMs() + seconds * 1000
  for (let tries = 0; ; tries++) {
    try {
      store.lock()
      return
    } catch (error) {
      if (!(error instanceof BusyError) || clock.monotonicMs() >= endMs) throw error
      if (tries === 0) busy?.(error)
      await clock.sleep(LOCK_AGAIN_MS)
    }
  }
}
