/**
 * One round of a device: home is asked, `decide` decides, and what it decided is done. `run` makes
 * one, the daemon makes them for ever, `check` stops before anything is done.
 */
import type { HomeServer, Laptop } from '../call-home/call-home.ts'
import { parseHttpUrl } from '../call-home/http-post.ts'
import { readSerial } from '../call-home/serial.ts'
import { type Consultation, consult } from '../decision/consult.ts'
import type { Decision } from '../decision/decide.ts'
import { ConfigError, isSystemError } from '../errors.ts'
import { readState } from '../store/state.ts'
import type { Store } from '../store/store.ts'
import { show } from '../text.ts'
import { type Upgraded, upgrade } from '../upgrade.ts'
import type { Context } from './context.ts'
import { recorded } from './recorded.ts'

/** What `consult` needs, out of the configuration. */
export function ask(context: Context, store: Store, askHome = true): Promise<Consultation> {
  const { configuration } = context
  const { hold, pinned, allowDowngrade, onBattery, hours, lock, inhibit } = configuration
  return consult(store, {
    home: askHome ? homeOf(context) : undefined,
    policy: { hold, pinned, allowDowngrade, onBattery, hours, sources: configuration.sources },
    lock,
    inhibit,
  })
}

/** Undefined where no home server is configured. */
export function homeOf(
  context: Context,
): { server: HomeServer; laptop: Omit<Laptop, 'installed'> } | undefined {
  const { configuration, host } = context
  const { home, hardware, deployment, homeTimeoutMs: timeoutMs } = configuration
  if (home === undefined) return undefined
  const serial = readSerial(host.files, configuration.serial)
  const server = { address: parseHttpUrl(home), keys: context.keys('home'), timeoutMs }
  return { server, laptop: { serial, hardware, deployment } }
}

/** Does what was decided; returns what came of an upgrade. */
export async function act(
  context: Context,
  store: Store,
  decision: Decision,
): Promise<Upgraded | undefined> {
  if (decision.act === 'lock out' && readState(store).home?.stolen) await runStolenHook(context)
  if (decision.act !== 'upgrade') return undefined
  const { version, downgrade } = decision
  const sources = usable(context, store, decision.sources)
  store.lock()
  try {
    return await recorded(context, store, upgrade, {
      version,
      allowDowngrade: downgrade,
      sources,
    })
  } finally {
    store.unlock()
  }
}

/** A home server may name kinds of sources that this program is too old for: the others are used. */
function usable(context: Context, store: Store, urls: string[]): string[] {
  const named = new Set(readState(store).home?.sources)
  return urls.filter((url) => {
    if (!named.has(url)) return true
    try {
      context.sources(store, [url])
      return true
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      context.progress.note(`the home server names ${show(url)}: ${error.message}`)
      return false
    }
  })
}

/** Longer than that a hook is not waited for. It goes on by itself. */
const HOOK_TIMEOUT_MS = 60_000

/** Also in each further round, as long as the laptop is known as stolen. */
async function runStolenHook({ configuration, host, progress }: Context): Promise<void> {
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
    progress.note(`the hook ${show(stolenHook)} can't be run (${error.code})`)
  }
}
