/**
 * A state record that is damaged, by a worn disk or by somebody: begun again from what of it can
 * still be read and of what the signed trees say. Without it no boot could be counted. To be called
 * under the store's lock.
 */
import { ConfigError, isOfMachine, isSystemError, TrustError } from '../errors.ts'
import type { PublicKey } from '../release/signify.ts'
import { keysEverTrusted, trustedKeys } from './key-chain.ts'
import { newerRelease, readState, salvageState, writeState } from './state.ts'
import type { Store, Tree, TreeName } from './store.ts'

const TREES: TreeName[] = ['fakeroot', 'upgraded-root', 'previous-root']
/** They ran, with keys that were good then; what never ran must not begin with one that was revoked. */
const RAN: TreeName[] = ['fakeroot', 'previous-root']

/** `note` is told if it was; `configured` are the keys of the role `release`. */
export function mendRecord(
  store: Store,
  configured: readonly PublicKey[],
  note: (text: string) => void,
): void {
  if (isReadable(store)) return
  const state = salvageState(store)
  // The floor, and the date of the newest release, are what the signed trees say at the least.
  for (const name of TREES) {
    const release = signedTree(store, name, configured)?.release
    state.floor = Math.max(state.floor, release?.version ?? 0)
    if (release) state.newestRelease = newerRelease(state.newestRelease, release)
  }
  writeState(store, state)
  note(`the state record was damaged: it begins again, with the floor ${state.floor}`)
}

/** A tree with its release; undefined also where its statement is damaged or by nobody whom we trust. */
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
