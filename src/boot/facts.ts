/**
 * What an early boot finds in the store: which trees are there, whether each can start, and what
 * the state record says. Cheap enough for every boot: signatures, the digests of the manifests and
 * of the few files that a start needs. It never writes.
 */
import { isOfMachine, isSystemError, TrustError } from '../errors.ts'
import type { Path } from '../host.ts'
import type { PublicKey } from '../release/signify.ts'
import { keysEverTrusted, trustedKeys } from '../store/key-chain.ts'
import { findFault, INITS, type StartFault } from '../store/start-check.ts'
import { salvageState } from '../store/state.ts'
import type { Store, TreeName } from '../store/store.ts'
import type { BootFacts, FoundTree } from './plan.ts'

/** What the store does not know. */
export interface Circumstances
  extends Pick<
    BootFacts,
    'bootsMax' | 'words' | 'locked' | 'writable' | 'moved' | 'recoveryTried'
  > {
  /** Of the role `release`: the keys that the rotations in the store begin with. */
  keys: readonly PublicKey[]
  /** What may be the init, first choice first; default: where the kernel looks. */
  inits?: readonly Path[]
  /** What `findFault` read before, and what it reads now. */
  proved?: Set<string>
}

export async function gatherFacts(store: Store, given: Circumstances): Promise<BootFacts> {
  const { bootsMax, words, locked, writable, moved, recoveryTried } = given
  const { proved = new Set<string>() } = given
  const ever = keysEverTrusted(store, given.keys)
  const standing = { ...given, proved, trusted: () => ever }
  // What waits has not run yet: a key revoked in the meantime must not start it.
  const fresh = { ...standing, trusted: () => trustedKeys(store, given.keys, 'release') }
  const { intent, trial, confirmed, boots, bad } = salvageState(store)
  return {
    running: await look(store, 'fakeroot', standing),
    waiting: await look(store, 'upgraded-root', fresh),
    previous: await look(store, 'previous-root', standing),
    ...{ intent, trial, confirmed, boots, bad },
    ...{ bootsMax, words, locked, writable, moved, recoveryTried },
  }
}

interface Look extends Pick<Circumstances, 'inits'> {
  trusted(): PublicKey[]
  proved: Set<string>
}

async function look(
  store: Store,
  name: TreeName,
  { trusted, inits = INITS, proved }: Look,
): Promise<FoundTree | undefined> {
  let version: number | undefined
  const found = (kind: StartFault['kind'], text: string) => ({ version, fault: { kind, text } })
  try {
    if (!store.has(name)) return undefined
    version = store.version(name)
    const tree = store.trustedTree(name, trusted())
    if (!tree) return found('damaged', 'its release is missing')
    if (store.manifestDigest(name) !== tree.release.manifestDigest) {
      return found('damaged', 'its manifest is not the signed one')
    }
    const fault = await store.withTree(name, (open) => findFault(store.host, open, inits, proved))
    return { version, fault }
  } catch (error) {
    if (error instanceof TrustError) return found('untrusted', error.message)
    if (isSystemError(error) && !isOfMachine(error)) {
      return found('damaged', `it can't be read (${error.code})`)
    }
    if (isSystemError(error) || !(error instanceof Error)) throw error
    // A tree that this program doesn't understand may still start: a last resort.
    return found('unfit', `it can't be understood (${error.message})`)
  }
}
