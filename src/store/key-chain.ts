/**
 * The keys statements that this device has followed, in the file `keys` of the store: with the
 * configured keys they say whom it trusts. Replaced as a whole, so that a power cut leaves the old
 * chain or the new one; a chain that is damaged is none, and comes again from a source.
 */
import { isSystemError, TrustError } from '../errors.ts'
import { KEY_CHAIN_SIZE_MAX } from '../limits.ts'
import { followChain, type KeyRole, type RevokedKey, ROLES, splitChain } from '../release/keys.ts'
import { knowsSigner, type PublicKey } from '../release/signify.ts'
import { readFile, replaceFile } from '../small-file.ts'
import type { Store } from './store.ts'

const FILE = 'keys'

/** The keys that hold here. */
export function trustedKeys(
  store: Store,
  configured: readonly PublicKey[],
  role: KeyRole,
): PublicKey[] {
  return followChain(configured, kept(store), role, store.host).keys
}

/**
 * The keys that may have signed a tree that stands already: those of releases that hold here, and those
 * that held once. A key that is revoked brings nothing new, but what it brought was proved then, and a
 * laptop must not lose its system because of it.
 */
export function keysEverTrusted(store: Store, configured: readonly PublicKey[]): PublicKey[] {
  try {
    return followChain(configured, kept(store), 'release', store.host).ever
  } catch (error) {
    // What the disk can't give must not take the trees of the configured keys with it.
    if (isSystemError(error)) return [...configured]
    throw error
  }
}

/** The key that signed a release, where it is one that was revoked since. */
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
 * Follows what a source carries, on top of what is kept, for each role whose configured keys are
 * given. True where something new was followed, and is kept now.
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
    const isFile = !isSystemError(error, 'EISDIR', 'ELOOP', 'EINVAL')
    if (error instanceof TrustError || !isFile) return []
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
