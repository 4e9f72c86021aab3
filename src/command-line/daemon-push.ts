/**
 * What the daemon hears of pushes: a listener over the laptop's own keys and state. Without a key of
 * the role, or with port 0, nothing listens; a port that is taken is told and keeps no round back.
 */
import type { HintSource } from '../daemon/daemon.ts'
import { ConfigError, isSystemError } from '../errors.ts'
import { PushListener, type PushSituation } from '../push/listen.ts'
import { changeState, readState } from '../store/state.ts'
import type { Context } from './context.ts'
import { exitOf } from './exit-status.ts'

export interface DaemonPush {
  hints: HintSource[]
  close(): void
}

const NONE: DaemonPush = { hints: [], close: () => {} }

export function openPush(context: Context): DaemonPush {
  const { host, configuration, progress } = context
  const { pushPort: port, pushSpreadSeconds: spreadSeconds } = configuration
  if (port === 0) return NONE
  try {
    const keys = context.keys('push')
    const situation = () => situationOf(context)
    const listener = new PushListener(host, { port, keys, situation, spreadSeconds })
    const hints: HintSource = {
      async next() {
        const hint = await listener.next()
        remember(context, hint.push.issued)
        return hint
      },
    }
    return { hints: [hints], close: () => listener.close() }
  } catch (error) {
    if (!(error instanceof ConfigError) && !isSystemError(error)) throw error
    progress.note(`no pushes are heard: ${error.message}`)
    return NONE
  }
}

function situationOf(context: Context): PushSituation {
  const { deployment } = context.configuration
  const store = context.store()
  try {
    const { trustedSeconds, pushSeconds } = readState(store)
    return { installed: store.version('fakeroot'), deployment, trustedSeconds, pushSeconds }
  } finally {
    store.close()
  }
}

/** A push that was heard once is an old one after the next boot, too. */
function remember(context: Context, issued: number): void {
  try {
    const store = context.store()
    try {
      store.lock()
      if (issued > readState(store).pushSeconds) changeState(store, { pushSeconds: issued })
    } finally {
      store.close()
    }
  } catch (error) {
    // While an upgrade holds the lock, the listener itself remembers it.
    if (!exitOf(error)) throw error
  }
}
