/** One run of the flow: opens and closes its sources, and leaves in the state record how it ended. */
import { recordRun } from '../call-home/lock.ts'
import { isExpected } from '../errors.ts'
import { addReceived, type Origin, type Received, receivedText } from '../origin.ts'
import { originOf, type Source } from '../source/source.ts'
import { keepRoom, spaceError } from '../store/room.ts'
import { changeState, readState, type State } from '../store/state.ts'
import type { Store } from '../store/store.ts'
import type { Upgrade } from '../upgrade.ts'
import type { Device } from './device.ts'
import { type JobWish, jobOf } from './job.ts'
import { neighboursOf } from './neighbours.ts'

interface Ended {
  outcome: string
  version: number
  /** Who served what was brought. */
  source?: string | undefined
  origin?: Origin | undefined
}

/** Runs the flow and leaves in the state record how it ended. */
export async function recorded<Result extends Ended>(
  device: Device,
  store: Store,
  flow: (job: Upgrade) => Promise<Result>,
  wish: JobWish,
): Promise<Result> {
  const sources = device.sources(store, wish.sources)
  const neighbours = neighboursOf(device, store)
  const asked = () => [...sources, ...(neighbours?.found ?? [])]
  keepRoom(store)
  try {
    const result = await flow({ ...jobOf(device, store, sources, wish), neighbours })
    const last = lastOf(store, result.outcome, `version ${result.version}`)
    conclude(store, asked(), { last, ...broughtBy(store, result) })
    return result
  } catch (thrown) {
    const { reserveBytes } = device.configuration
    const error = thrown instanceof Error ? spaceError(store, thrown, reserveBytes) : thrown
    try {
      const last = isExpected(error) ? lastOf(store, error.name, error.message) : undefined
      conclude(store, asked(), last ? { last } : {})
    } catch {
      // If the disk can't take the record, the first error is about that.
    }
    throw error
  } finally {
    for (const source of asked()) source.close()
  }
}

function broughtBy(store: Store, { version, origin, source }: Ended): Partial<State> {
  if (origin === undefined || source === undefined) return {}
  return { brought: { version, origin, time: now(store), source } }
}

/** How a run ended and what came in it, also to nothing: written at once, since each write waits for the disk. */
function conclude(store: Store, sources: readonly Source[], change: Partial<State>): void {
  const received = sources.reduce(
    (sum: Received, source) => addReceived(sum, { [originOf(source)]: source.received ?? 0 }),
    {},
  )
  if (receivedText(received) !== undefined) {
    const sum = () => addReceived(readState(store).received, received)
    store.alone(() => changeState(store, { ...change, received: sum() }))
  } else if (Object.keys(change).length > 0) {
    changeState(store, change)
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
  changeState(store, { last: lastOf(store, outcome, message) })
}

const lastOf = (store: Store, outcome: string, message: string) => ({
  time: now(store),
  outcome,
  message,
})

const now = (store: Store) => new Date(store.host.clock.wallSeconds() * 1000).toISOString()

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
