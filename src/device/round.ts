/**
 * One round of a device: home is asked, `decide` decides, and what it decided is done. `run` makes
 * one, the daemon makes one after the other, `check` stops before anything is done.
 */
import type { HomeContact, Laptop } from '../call-home/call-home.ts'
import { freshnessOf, staleWarning } from '../call-home/freshness.ts'
import { parseHttpUrl } from '../call-home/http-post.ts'
import { readSerial } from '../call-home/serial.ts'
import type { RoundResult, Turn } from '../daemon/daemon.ts'
import { POSTPONED_SECONDS } from '../daemon/schedule.ts'
import { type Consultation, consult } from '../decision/consult.ts'
import type { Decision } from '../decision/decide.ts'
import { BusyError, ConfigError, isExpected } from '../errors.ts'
import { formatInstant } from '../release/fields.ts'
import { secondsLeft } from '../source/order.ts'
import { readState } from '../store/state.ts'
import type { Store } from '../store/store.ts'
import { show } from '../text.ts'
import { type Upgraded, upgrade } from '../upgrade.ts'
import type { Device } from './device.ts'
import { recordAttack, recorded } from './recorded.ts'
import { runStolenHook } from './stolen-hook.ts'
import { givingWay, lockInTurn } from './turns.ts'

/** As long as the configuration can't be read. */
const INTERVAL_UNREADABLE_SECONDS = 3600

/** The first half of a round: what home says, what speaks against it, and what follows. */
export function consultHome(device: Device, store: Store, askHome = true): Promise<Consultation> {
  const { configuration } = device
  const { hold, pinned, allowDowngrade, onBattery, hours, lock, inhibit, sources } = configuration
  return consult(store, {
    home: askHome ? homeOf(device) : undefined,
    policy: { hold, pinned, allowDowngrade, onBattery, hours, sources },
    lock,
    inhibit,
  })
}

/** Undefined if no home server is configured. */
export function homeOf(
  device: Device,
  opened?: Store,
): { server: HomeContact; laptop: Omit<Laptop, 'installed'> } | undefined {
  const { configuration, host } = device
  const { home, hardware, deployment, homeTimeoutMs: timeoutMs } = configuration
  if (home === undefined) return undefined
  const serial = readSerial(host.files, configuration.serial)
  const server = { address: parseHttpUrl(home), keys: device.keys('home', opened), timeoutMs }
  return { server, laptop: { serial, hardware, deployment } }
}

/** The second half: does what was decided; returns the result of an upgrade. */
export async function carryOut(
  device: Device,
  store: Store,
  decision: Decision,
): Promise<Upgraded | undefined> {
  if (decision.act === 'lock out' && readState(store).home?.stolen) await runStolenHook(device)
  if (decision.act !== 'upgrade') return undefined
  const { version, downgrade } = decision
  const sources = usable(device, store, decision.sources)
  await lockInTurn(store, device.progress, 0)
  try {
    const wish = { version, allowDowngrade: downgrade, sources }
    return await givingWay(store, device.progress, () => recorded(device, store, upgrade, wish))
  } finally {
    store.unlock()
  }
}

/** A home server may name kinds of sources that this program is too old for: the others are used. */
function usable(device: Device, store: Store, urls: string[]): string[] {
  const named = new Set(readState(store).home?.sources)
  return urls.filter((url) => {
    if (!named.has(url)) return true
    try {
      device.sources(store, [url])
      return true
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      device.progress.note(`the home server names ${show(url)}: ${error.message}`)
      return false
    }
  })
}

/** The result of an upgrade, for people. */
export function upgradeSentence({ outcome, version, source }: Upgraded): string {
  if (outcome === 'up-to-date') return `Version ${version} is the newest.`
  if (outcome === 'waiting') return `Version ${version} waits for the next start.`
  const from = source === undefined ? '' : `, from ${source}`
  return `Version ${version} is staged and proved${from}; it runs after the next start.`
}

/** A round that can't fail: whatever goes wrong is its outcome. */
export async function makeRound(device: Device, turn: Turn): Promise<RoundResult> {
  const result: RoundResult = {
    outcome: '',
    answered: false,
    failed: false,
    againSeconds: undefined,
    intervalSeconds: INTERVAL_UNREADABLE_SECONDS,
  }
  try {
    result.intervalSeconds = device.configuration.intervalSeconds
    await device.withStore((store) => bothHalves(device, store, turn, result))
  } catch (error) {
    if (!isExpected(error)) throw error
    result.failed = true
    result.outcome += failureOf(error)
  }
  return result
}

async function bothHalves(
  device: Device,
  store: Store,
  turn: Turn,
  result: RoundResult,
): Promise<void> {
  const { decision, home, failure } = await consultHome(device, store, turn.ask)
  const said = readState(store).home
  result.answered = home === 'answered'
  result.failed = failure !== undefined
  if (said && device.configuration.home !== undefined) result.intervalSeconds = said.intervalSeconds
  if (failure) result.outcome = `${failure.message}. `
  result.outcome += decision.reason
  if (decision.act === 'stay' && decision.postponed) result.againSeconds = POSTPONED_SECONDS
  const atOnce = turn.hinted || said?.priority === 'urgent'
  const until = decision.act === 'upgrade' && !atOnce ? waitUntil(store) : undefined
  if (until === undefined) {
    await carryOutAndTell(device, store, decision, result)
  } else {
    result.outcome += ` The sources are asked again at ${formatInstant(until)}.`
    result.againSeconds = until - store.host.clock.wallSeconds()
  }
  const { clock } = store.host
  const { staleDays } = device.configuration
  const warning = staleWarning(freshnessOf(readState(store), clock.wallSeconds(), staleDays))
  if (warning !== undefined) result.outcome += ` ${warning}`
  // Last, so that what came of an upgrade does not hide it.
  if (failure && home === 'refused') recordAttack(store, failure)
}

async function carryOutAndTell(
  device: Device,
  store: Store,
  decision: Decision,
  result: RoundResult,
): Promise<void> {
  try {
    const upgraded = await carryOut(device, store, decision)
    if (upgraded) result.outcome += ` ${upgradeSentence(upgraded)}`
  } catch (error) {
    if (!isExpected(error)) throw error
    result.outcome += ` ${failureOf(error)}`
    const until = waitUntil(store)
    if (until === undefined) result.failed = true
    else result.againSeconds = until - store.host.clock.wallSeconds()
  }
}

/** Until when the sources are left alone; undefined: they may be asked. */
function waitUntil(store: Store): number | undefined {
  const { wait } = readState(store)
  return secondsLeft(wait, store.host.clock.wallSeconds()) > 0 ? wait?.until : undefined
}

function failureOf(error: Error & { cure?: string }): string {
  const { message, cure } = error
  return `${error instanceof BusyError ? '' : 'It failed: '}${message}${cure ? `; ${cure}` : ''}.`
}
