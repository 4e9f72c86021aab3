/** What to do about a store in which no version runs: empty, or with nothing but leftovers there. */
import type { Store } from './store.ts'

/** A command of xo-upgrade. What lies on the disk of a system that ran here is worth more than a download. */
export function cureWhereNoneRuns(store: Store): 'install' | 'recover' {
  return store.has('fakeroot') || store.has('previous-root') ? 'recover' : 'install'
}
