/**
 * What to do about a store in which no version runs: it is empty, or holds nothing but leftovers.
 */
import type { Store } from './store.ts'

/**
 * The command to run. What is left on the disk of a system that ran here is worth more than a download.
 */
export function cureWhereNoneRuns(store: Store): 'install' | 'recover' {
  return store.has('fakeroot') || store.has('previous-root') ? 'recover' : 'install'
}
