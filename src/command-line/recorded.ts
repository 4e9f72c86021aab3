/** One run of the flow for a command, with its sources opened and closed, and its end in the state record. */
import { keepRoom, spaceError } from '../store/room.ts'
import { changeState } from '../store/state.ts'
import type { Store } from '../store/store.ts'
import type { Upgrade } from '../upgrade.ts'
import type { Context } from './context.ts'
import { exitOf } from './exit-status.ts'

/** What somebody wants: an operator, or the decision of a round. */
export interface Wish {
  /** Undefined: the newest. */
  version: number | undefined
  allowDowngrade: boolean
  /** URLs in the order to try them. */
  sources: readonly string[]
}

/** Runs the flow and leaves in the state record how it ended. */
export async function recorded<Result extends { outcome: string; version: number }>(
  context: Context,
  store: Store,
  flow: (job: Upgrade) => Promise<Result>,
  wish: Wish,
): Promise<Result> {
  const { configuration, progress } = context
  const { hardware, deployment, reserveBytes } = configuration
  const sources = context.sources(store, wish.sources)
  keepRoom(store)
  const record = (outcome: string, message: string) => keep(context, store, outcome, message)
  try {
    const result = await flow({
      store,
      sources,
      keys: context.keys('release'),
      configured: context.configuredKeys(),
      device: { hardware, deployment },
      version: wish.version,
      allowDowngrade: wish.allowDowngrade,
      reserveBytes,
      patience: configuration.patience,
      progress,
    })
    record(result.outcome, `version ${result.version}`)
    return result
  } catch (thrown) {
    const error = thrown instanceof Error ? spaceError(store, thrown, reserveBytes) : thrown
    const known = exitOf(error)
    try {
      if (known) record(known.kind, (error as Error).message)
    } catch {
      // A disk that takes no record is what the first error is about.
    }
    throw error
  } finally {
    for (const source of sources) source.close()
  }
}

/**
 * Leaves in the state record that somebody forges replies of the home server, so that `status` and
 * the next call home name the attack. Takes the store's lock.
 */
export function recordAttack(context: Context, store: Store, attack: Error): void {
  try {
    store.lock()
    try {
      keep(context, store, attack.name, attack.message)
    } finally {
      store.unlock()
    }
  } catch (error) {
    // The attack is told all the same, and a store that is busy or full is another round's matter.
    if (!exitOf(error)) throw error
  }
}

function keep({ host }: Context, store: Store, outcome: string, message: string): void {
  const time = new Date(host.clock.wallSeconds() * 1000).toISOString()
  changeState(store, { last: { time, outcome, message } })
}
