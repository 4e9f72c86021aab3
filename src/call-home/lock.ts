/**
 * Whether this laptop may start at all, and what opens it again. Early boot asks `lockVerdict` before
 * it plans anything; the screen is early boot's, and these functions say what was seen and what it changed.
 * The wall clock has no say: a wrong one must neither lock out a child nor let in a thief.
 */
import { TrustError } from '../errors.ts'
import { SERVER_SKEW_MAX_SECONDS } from '../limits.ts'
import { formatInstant } from '../release/fields.ts'
import type { PublicKey } from '../release/signify.ts'
import { changeState, readState, type State } from '../store/state.ts'
import type { Store } from '../store/store.ts'
import { openUnlock, type Reply } from './reply.ts'

export interface LockPolicy {
  /** Off by default: a stolen laptop says so, and starts. */
  enforce: boolean
  /** How long after the end of its lease a laptop still starts. */
  graceSeconds: number
}

type LeaseFacts = Pick<State, 'home' | 'trustedSeconds' | 'ranSeconds'>

/** Why the laptop may not start, as a sentence; undefined: it may. Pure. */
export function lockVerdict(state: LeaseFacts, policy: LockPolicy): string | undefined {
  if (!policy.enforce || !state.home) return undefined
  if (state.home.stolen) return 'This laptop was reported stolen.'
  const { leaseEnd } = state.home
  if (leaseEnd === undefined) return undefined
  if (leaseSeconds(state) <= leaseEnd + policy.graceSeconds) return undefined
  return `The lease of this laptop ended at ${formatInstant(leaseEnd)}.`
}

/**
 * The time that leases are judged by: what home said last, and what the laptop ran since. Switched
 * off it stands still; it can be late, but it is never ahead of home's.
 */
export function leaseSeconds({ trustedSeconds, ranSeconds }: Omit<LeaseFacts, 'home'>): number {
  return trustedSeconds + ranSeconds
}

/**
 * Keeps what the home server said. A reply tells the present, also where that lies before what was
 * believed; what was counted since is over, and what was dated later was dated wrongly.
 */
export function recordReply(store: Store, reply: Reply): void {
  store.alone(() => keepReply(store, reply))
}

function keepReply(store: Store, reply: Reply): void {
  const { stolen, leaseEnd, version, intervalSeconds, priority, sources, message } = reply
  const { pushSeconds, newestRelease, attack } = readState(store)
  const latest = reply.time + SERVER_SKEW_MAX_SECONDS
  changeState(store, {
    attack: attack && { ...attack, told: true },
    trustedSeconds: reply.time,
    ranSeconds: 0,
    // One of the future must not silence those that come with the right date.
    pushSeconds: Math.min(pushSeconds, latest),
    newestRelease: newestRelease && {
      ...newestRelease,
      issued: Math.min(newestRelease.issued, latest),
    },
    home: { stolen, leaseEnd, version, intervalSeconds, priority, sources, message },
  })
}

/** Counts time that the laptop ran since home was heard: for leases, and for how long home has been silent. */
export function recordRun(store: Store, seconds: number): void {
  store.alone(() => {
    const { home, trustedSeconds, ranSeconds } = readState(store)
    if (!home || trustedSeconds === 0) return
    changeState(store, { ranSeconds: ranSeconds + Math.round(seconds) })
  })
}

/** The name of the unlock statement for a laptop on a stick. */
export function unlockName(serial: string): string {
  return `unlock-${serial}`
}

/**
 * Frees the laptop with the unlock statement that somebody brought. Throws a TrustError that names
 * what is wrong with it; nothing changes then.
 */
export function unlock(
  store: Store,
  statement: Uint8Array,
  keys: readonly PublicKey[],
  serial: string,
): void {
  store.alone(() => openWith(store, statement, keys, serial))
}

function openWith(
  store: Store,
  statement: Uint8Array,
  keys: readonly PublicKey[],
  serial: string,
): void {
  const { trustedSeconds, unlocks, home } = readState(store)
  if (!home) throw new TrustError('this laptop was never locked: no home server has answered it')
  const { time, leaseEnd } = openUnlock(statement, keys, { serial, trustedSeconds, unlocks })
  changeState(store, {
    trustedSeconds: time,
    ranSeconds: 0,
    unlocks: [...unlocks, time],
    home: { ...home, stolen: false, leaseEnd },
  })
}
