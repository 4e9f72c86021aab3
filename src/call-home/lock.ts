/**
 * Whether this laptop may start at all, and what opens it again. Early boot asks `lockVerdict` before
 * it plans anything; it makes the screen, and these functions say what was seen and what it changed.
 * The wall clock has no say: a wrong one must neither lock a child out nor let a thief in.
 */
import { TrustError } from '../errors.ts'
import { SERVER_SKEW_MAX_SECONDS } from '../limits.ts'
import { formatInstant } from '../release/fields.ts'
import type { PublicKey } from '../release/signify.ts'
import { changeState, readState, type State } from '../store/state.ts'
import type { Store } from '../store/store.ts'
import { openUnlock, type Reply } from './reply.ts'

export interface LockPolicy {
  /** Off by default: a stolen laptop is told so, and starts. */
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
 * The time that leases are judged by: the newest signed one, and what the laptop ran since. Switched
 * off it stands still; it can be late, but it is never ahead of the true one.
 */
export function leaseSeconds({ trustedSeconds, ranSeconds }: Omit<LeaseFacts, 'home'>): number {
  return trustedSeconds + ranSeconds
}

/** Keeps what the home server said. A reply tells the present: what was counted since is over. */
export function recordReply(store: Store, reply: Reply): void {
  store.alone(() => keepReply(store, reply))
}

function keepReply(store: Store, reply: Reply): void {
  const { stolen, leaseEnd, version, intervalSeconds, priority, sources, message } = reply
  const { trustedSeconds, pushSeconds, attack } = readState(store)
  changeState(store, {
    attack: attack && { ...attack, told: true },
    trustedSeconds: Math.max(trustedSeconds, reply.time),
    ranSeconds: 0,
    // One push with a date of the future must not silence those that come with the right one.
    pushSeconds: Math.min(pushSeconds, reply.time + SERVER_SKEW_MAX_SECONDS),
    home: { stolen, leaseEnd, version, intervalSeconds, priority, sources, message },
  })
}

/** Counts time that the laptop ran, where there is a lease that it counts for. */
export function recordRun(store: Store, seconds: number): void {
  store.alone(() => {
    const { home, trustedSeconds, ranSeconds } = readState(store)
    if (home?.leaseEnd === undefined || trustedSeconds === 0) return
    changeState(store, { ranSeconds: ranSeconds + Math.round(seconds) })
  })
}

/** How the unlock statement for a laptop is called on a stick. */
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
  const { trustedSeconds, home } = readState(store)
  if (!home) throw new TrustError('this laptop was never locked: no home server has answered it')
  const { time, leaseEnd } = openUnlock(statement, keys, { serial, trustedSeconds })
  changeState(store, {
    trustedSeconds: time,
    ranSeconds: 0,
    home: { ...home, stolen: false, leaseEnd },
  })
}
