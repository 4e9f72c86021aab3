/**
 * Begins a damaged state record again, from what can still be read of it and from what the signed trees
 * say: a worn disk or somebody's hand may have damaged it, and without it no boot can be counted. Needs the
 * store's lock.
 */
import { ConfigError, isOfMachine, isSystemError, TrustError } from '../errors.ts'
import type { PublicKey } from '../release/signify.ts'
import { keysEverTrusted, trustedKeys } from './key-chain.ts'
import { newerRelease, readState, salvageState, writeState } from './state.ts'
import type { Store, Tree, TreeName } from './store.ts'

const TREES: TreeName[] = ['fakeroot', 'upgraded-root', 'previous-root']
/** These ran, with keys that were good then; what never ran must not start under a revoked key. */
const RAN: TreeName[] = ['fakeroot', 'previous-root']

/** Calls `note` if it was damaged; `configured` are the keys of the role `release`. */
export function mendRecord(
  store: Store,
  configured: readonly PublicKey[],
  note: (text: string) => void,
): void {
  if (isReadable(store)) return
  const state = salvageState(store)
  // The floor and the date of the newest release are at least what the signed trees say.
  for (const name of TREES) {
    const release = signedTree(store, name, configured)?.release
    state.floor = Math.max(state.floor, release?.version ?? 0)
    if (release) state.newestRelease = newerRelease(state.newestRelease, release)
  }
  writeState(store, state)
  note(`the state record was damaged: it begins again, with the floor at ${state.floor}`)
}

/**
 * A tree with its release; also undefined if its statement is damaged, or signed by nobody we trust.
 */
export function signedTree(
  store: Store,
  name: TreeName,
  configured: readonly PublicKey[],
): Tree | undefined {
  try {
    const trusted = RAN.includes(name)
      ? keysEverTrusted(store, configured)
      : trustedKeys(store, configured, 'release')
    return store.trustedTree(name, trusted)
  } catch (error) {
    if (error instanceof TrustError || isSystemError(error)) return undefined
    throw error
  }
}

function isReadable(store: Store): boolean {
  try {
    readState(store)
    return true
  } catch (error) {
    if (error instanceof ConfigError || error instanceof TrustError) return false
    if (!isSystemError(error) || isOfMachine(error)) throw error
    // A block that can't be read is as lost as one that holds garbage.
    return false
  }
}
