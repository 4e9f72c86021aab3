/**
 * What the daemon hears of pushes: a listener over the laptop's own keys and state. Without a key of
 * the role, or with port 0, nothing listens; a taken port is reported and holds back no round.
 */
import type { HintSource } from '../daemon/daemon.ts'
import { ConfigError, isExpected, isSystemError } from '../errors.ts'
import { PushListener, type PushSituation } from '../push/listen.ts'
import { changeState, readState } from '../store/state.ts'
import type { Device } from './device.ts'

interface PushHints {
  hints: HintSource[]
  close(): void
}

const NONE: PushHints = { hints: [], close: () => {} }

export function openPushHints(device: Device): PushHints {
  const { host, configuration, progress } = device
  const { pushPort: port, pushSpreadSeconds: spreadSeconds } = configuration
  if (port === 0) return NONE
  try {
    const keys = device.keys('push')
    const situation = () => situationOf(device)
    const listener = new PushListener(host, { port, keys, situation, spreadSeconds })
    const hints: HintSource = {
      async next() {
        const hint = await listener.next()
        remember(device, hint.push.issued)
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

function situationOf(device: Device): PushSituation {
  const { deployment } = device.configuration
  const store = device.store()
  try {
    const { trustedSeconds, pushSeconds } = readState(store)
    return { running: store.version('fakeroot'), deployment, trustedSeconds, pushSeconds }
  } finally {
    store.close()
  }
}

/** A push that was heard once is an old one after the next boot, too. */
function remember(device: Device, issued: number): void {
  try {
    const store = device.store()
    try {
      store.alone(() => {
        if (issued > readState(store).pushSeconds) changeState(store, { pushSeconds: issued })
      })
    } finally {
      store.close()
    }
  } catch (error) {
    // If the disk can't take the record, the listener itself remembers it.
    if (!isExpected(error)) throw error
  }
}
