/**
 * The keys statements that this device has followed, in the store's file `keys`: together with the
 * configured keys they say whom it trusts. The file is replaced as a whole, so a power cut leaves the old
 * chain or the new one. A damaged chain counts as none, and comes again from a source.
 */
import { DAMAGE, isSystemError, TrustError } from '../errors.ts'
import { KEY_CHAIN_SIZE_MAX } from '../limits.ts'
import { followChain, type KeyRole, type RevokedKey, ROLES, splitChain } from '../release/keys.ts'
import { knowsSigner, type PublicKey } from '../release/signify.ts'
import { readFile, replaceFile } from '../small-file.ts'
import type { Store } from './store.ts'

const FILE = 'keys'

/** The keys that this device trusts now. */
export function trustedKeys(
  store: Store,
  configured: readonly PublicKey[],
  role: KeyRole,
): PublicKey[] {
  return followChain(configured, kept(store), role, store.host).keys
}

/**
 * The keys that may have signed a tree that is already here: the release keys that are trusted now, and
 * those that once were. A revoked key brings nothing new, but what it brought was proved at the time, and a
 * laptop must not lose its system because of it.
 */
export function keysEverTrusted(store: Store, configured: readonly PublicKey[]): PublicKey[] {
  try {
    return followChain(configured, kept(store), 'release', store.host).ever
  } catch (error) {
    // A chain that the disk can't read must not cost us the trees of the configured keys.
    if (isSystemError(error)) return [...configured]
    throw error
  }
}

/** The key that signed a release, if it has been revoked since. */
export function revokedSigner(
  store: Store,
  configured: readonly PublicKey[],
  signed: Uint8Array,
): RevokedKey | undefined {
  const { keys, revoked } = followChain(configured, kept(store), 'release', store.host)
  if (knowsSigner(signed, keys)) return undefined
  return revoked.find((one) => knowsSigner(signed, [one]))
}

/**
 * Follows the keys statements of a source, on top of those kept here, for each role whose configured keys
 * are given. True if there was something new to follow, which is kept now.
 */
export function followKeys(
  store: Store,
  configured: Partial<Record<KeyRole, readonly PublicKey[]>>,
  chain: Uint8Array,
): boolean {
  const before = kept(store)
  const offered = [...before, ...splitChain(chain)]
  const followed = ROLES.flatMap((role) => {
    return followChain(configured[role] ?? [], offered, role, store.host).followed
  })
  const text = joined(followed)
  if (followed.length <= before.length || text.length > KEY_CHAIN_SIZE_MAX) return false
  replaceFile(store.host.files, store.directory, FILE, text)
  return true
}

function kept(store: Store): Uint8Array[] {
  try {
    const chain = readFile(store.host.files, store.directory, FILE, KEY_CHAIN_SIZE_MAX)
    return chain ? splitChain(chain) : []
  } catch (error) {
    const isLost = isSystemError(error, 'EISDIR', 'ELOOP', 'EINVAL', ...DAMAGE)
    if (error instanceof TrustError || isLost) return []
    throw error
  }
}

function joined(statements: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(statements.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const one of statements) {
    whole.set(one, at)
    at += one.length
  }
  return whole
}
