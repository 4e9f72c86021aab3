/**
 * A state record that can't be read any more, begun anew: what the signed trees say at the least is
 * its floor and its time. Without it no boot could be counted. To be called under the store's lock.
 */
import { ConfigError, isOfMachine, isSystemError, TrustError } from '../errors.ts'
import type { PublicKey } from '../release/signify.ts'
import { keysEverTrusted } from './key-chain.ts'
import { FIRST_STATE, readState, type State, writeState } from './state.ts'
import type { Store, Tree, TreeName } from './store.ts'

const TREES: TreeName[] = ['fakeroot', 'upgraded-root', 'previous-root']

/** `note` is told if it was; `configured` are the keys of the role `release`. */
export function mendRecord(
  store: Store,
  configured: readonly PublicKey[],
  note: (text: string) => void,
): void {
  if (isReadable(store)) return
  const state: State = { ...FIRST_STATE }
  for (const name of TREES) {
    const release = signedTree(store, name, configured)?.release
    state.floor = Math.max(state.floor, release?.version ?? 0)
    state.trustedSeconds = Math.max(state.trustedSeconds, release?.issued ?? 0)
  }
  writeState(store, state)
  note(`the state record was damaged: it begins anew, with the floor ${state.floor}`)
}

/** A tree with its release; undefined also where its statement is damaged or nobody's that we ever trusted. */
export function signedTree(
  store: Store,
  name: TreeName,
  configured: readonly PublicKey[],
): Tree | undefined {
  try {
    return store.trustedTree(name, keysEverTrusted(store, configured))
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
