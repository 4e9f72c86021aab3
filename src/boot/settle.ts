/**
 * From power-on to a decision: gathers facts, plans, carries out what the plan changes in the store,
 * and looks again, until something is to be started, recovered or locked. The caller starts it. To be
 * called under the store's lock.
 */
import { isSystemError } from '../errors.ts'
import type { PublicKey } from '../release/signify.ts'
import { mendRecord } from '../store/mend-record.ts'
import { isFull } from '../store/room.ts'
import type { Store } from '../store/store.ts'
import { finishCutSwap, rollBack, swap } from '../store/swap.ts'
import { type Circumstances, gatherFacts } from './facts.ts'
import { type BootPlan, planBoot } from './plan.ts'

/** What is left to the caller. */
export type BootDecision = Extract<BootPlan, { act: 'boot' | 'recover' | 'locked' }>

/** A bug must end in a recovery, not in an endless loop. */
const ACTS_MAX = 8

/** `note` is told, one sentence at a time, what is found and done, before it is done. */
export async function settleTrees(
  store: Store,
  given: Omit<Circumstances, 'moved' | 'proved'>,
  note: (text: string) => void,
): Promise<BootDecision> {
  const circumstances: Circumstances = { ...given, moved: false, proved: new Set() }
  if (given.writable) mend(store, given.keys, note)
  for (let acts = 0; acts < ACTS_MAX; acts++) {
    const next = planBoot(await gatherFacts(store, circumstances))
    note(next.reason)
    if (next.act === 'boot' || next.act === 'recover' || next.act === 'locked') return next
    try {
      makingRoom(store, () => makeAct(store, next))
      circumstances.moved ||= next.act !== 'finish'
    } catch (error) {
      if (!(error instanceof Error)) throw error
      // Whatever the reason, even a bug of ours: what is there is started as it is.
      note(`The store can't be changed: ${error.message}.`)
      circumstances.writable = false
    }
  }
  return { act: 'recover', reason: 'The trees of the store do not settle.' }
}

/** If this can't be written either, the disk cannot be written to: the first act or the count will show. */
function mend(store: Store, keys: readonly PublicKey[], note: (text: string) => void): void {
  try {
    makingRoom(store, () => mendRecord(store, keys, (text) => note(`${capital(text)}.`)))
  } catch (error) {
    if (!isSystemError(error)) throw error
    note(`No new state record can be begun: ${error.message}.`)
  }
}

const capital = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1)

function makeAct(store: Store, next: Exclude<BootPlan, BootDecision>): void {
  if (next.act === 'finish') finishCutSwap(store)
  else if (next.act === 'swap') swap(store)
  else
    rollBack(store, { reason: next.reason, ...(next.bad === undefined ? {} : { bad: next.bad }) })
}

/** A full disk has no room even for a record: what is half made gives way, and we try once more. */
export function makingRoom(store: Store, act: () => void): void {
  try {
    act()
  } catch (error) {
    if (!isFull(error) || !store.has('staging')) throw error
    store.discard('staging')
    act()
  }
}
