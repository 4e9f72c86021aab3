/**
 * One look around and one decision: the home server is asked where there is one, what it said is
 * kept, and `decide` has the last word. It fetches no version; it only ever changes the home record and
 * the trusted time.
 */
import { callHome, type HomeContact, isAway, type Laptop } from '../call-home/call-home.ts'
import { type LockPolicy, lockVerdict, recordReply } from '../call-home/lock.ts'
import { TrustError } from '../errors.ts'
import type { Path } from '../host.ts'
import { readState } from '../store/state.ts'
import type { Store } from '../store/store.ts'
import { type Decision, decide, type UpgradePolicy } from './decide.ts'
import { readSurroundings } from './surroundings.ts'

interface ConsultOptions {
  /** Undefined: there is none, or it is not yet time to ask it. */
  home: { server: HomeContact; laptop: Omit<Laptop, 'installed'> } | undefined
  /** Its sources are those of the configuration: those that the home server names go before them. */
  policy: UpgradePolicy
  lock: LockPolicy
  inhibit: Path
}

export interface Consultation {
  decision: Decision
  /** `away`: it did not answer. `refused`: what came is not to be believed. */
  home: 'not asked' | 'answered' | 'away' | 'refused'
  /** Why it was away, or what is wrong with what came. */
  failure: Error | undefined
}

/** Keeps a reply even while somebody else works on the trees. */
export async function consult(store: Store, question: ConsultOptions): Promise<Consultation> {
  const asked = await ask(store, question)
  const { home, trial, bad, ...times } = readState(store)
  const { policy, lock, inhibit } = question
  const decision = decide(
    {
      running: store.version('fakeroot'),
      waiting: store.version('upgraded-root'),
      trial,
      bad,
      home,
      locked: lockVerdict({ home, ...times }, lock),
      ...readSurroundings(store.host, inhibit),
    },
    { ...policy, sources: merged(home?.sources ?? [], policy.sources) },
  )
  return { decision, ...asked }
}

async function ask(
  store: Store,
  question: ConsultOptions,
): Promise<Omit<Consultation, 'decision'>> {
  if (!question.home) return { home: 'not asked', failure: undefined }
  const { server, laptop } = question.home
  try {
    const installed = store.version('fakeroot')
    const reply = await callHome(store.host, server, { ...laptop, installed }, readState(store))
    recordReply(store, reply)
    return { home: 'answered', failure: undefined }
  } catch (error) {
    if (isAway(error)) return { home: 'away', failure: error }
    if (error instanceof TrustError) return { home: 'refused', failure: error }
    throw error
  }
}

/** Home knows best which school server a laptop is at; each URL comes once. */
function merged(first: readonly string[], second: readonly string[]): string[] {
  return [...new Set([...first, ...second])]
}
