/**
 * The `keys` statement: the next keys of a role, and those that are revoked, signed by a key that is
 * trusted before it. Statements follow one another in one text, the chain, which the server
 * keeps whole, so that a laptop that missed some still gets through. Nothing here fetches or stores.
 */
import { ConfigError, TrustError } from '../errors.ts'
import { KEY_CHAIN_SIZE_MAX, KEY_SEQUENCE_MAX } from '../limits.ts'
import { arrayOfBytes, bytesOfArray } from '../text.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'
import { Fields, formatInstant, parseInstant } from './fields.ts'
import {
  type KeyModules,
  type PublicKey,
  type SecretKey,
  sign,
  verifySignature,
} from './signify.ts'
import { decodeStatement, encodeStatement } from './statement.ts'

export const ROLES = ['release', 'home', 'push'] as const
/** Who signs what: releases, replies and unlock statements, calls to upgrade now. */
export type KeyRole = (typeof ROLES)[number]

export interface KeyChange {
  role: KeyRole
  /** Each statement of a role has a higher one than those before it. */
  sequence: number
  issued: number
  next: PublicKey[]
  revoked: PublicKey[]
}

const NAME = 'the keys statement'
/** Nobody can keep apart more keys at once than this. */
const KEYS_MAX = 8
const COMMENT = 'untrusted comment: '
const BLOB_LENGTH = 42

export function signKeyChange(change: KeyChange, key: SecretKey): Uint8Array {
  const fields: [string, string][] = [
    ['role', change.role],
    ['sequence', String(change.sequence)],
    ['issued', formatInstant(change.issued)],
  ]
  if (change.next.length > 0) fields.push(['next', change.next.map(blobOf).join(' ')])
  if (change.revoked.length > 0) fields.push(['revoked', change.revoked.map(blobOf).join(' ')])
  return sign(encodeStatement('keys', fields), key, `keys ${change.sequence} of ${change.role}`)
}

/** A key as in the second line of a signify key file. */
function blobOf({ number, key }: PublicKey): string {
  const bytes = new Uint8Array(BLOB_LENGTH)
  bytes.set([0x45, 0x64])
  for (let i = 0; i < 8; i++) bytes[2 + i] = Number.parseInt(number.slice(i * 2, i * 2 + 2), 16)
  bytes.set(key, 10)
  return encodeBase64(bytes)
}

function keyOf(
  blob: string,
  { signatures }: Pick<KeyModules, 'signatures'>,
): PublicKey | undefined {
  const bytes = decodeBase64(blob)
  if (bytes?.length !== BLOB_LENGTH || bytes[0] !== 0x45 || bytes[1] !== 0x64) return undefined
  const number = Array.from(bytes.subarray(2, 10), (byte) => byte.toString(16).padStart(2, '0'))
  return { name: 'a rotated key', number: number.join(''), key: bytes.slice(10), signatures }
}

/** The statement, if one of the keys signed it. Throws a TrustError. */
function openKeyChange(
  signed: Uint8Array,
  trusted: readonly PublicKey[],
  modules: Pick<KeyModules, 'signatures'>,
): KeyChange {
  const fields = new Fields(NAME, decodeStatement(verifySignature(signed, trusted, NAME), 'keys'))
  const list = (key: string): PublicKey[] => {
    const blobs = fields.optional(key, (name) => fields.text(name))?.split(' ') ?? []
    if (blobs.length > KEYS_MAX) fields.refuse(key, `${blobs.length} keys`)
    return blobs.map((blob) => keyOf(blob, modules) ?? fields.refuse(key, blob))
  }
  return {
    role: fields.choice('role', ROLES),
    sequence: fields.count('sequence', 1, KEY_SEQUENCE_MAX),
    issued: fields.instant('issued'),
    next: list('next'),
    revoked: list('revoked'),
  }
}

/** The statements of a chain, in their order. Throws a TrustError if it is not a chain. */
export function splitChain(chain: Uint8Array): Uint8Array[] {
  if (chain.length > KEY_CHAIN_SIZE_MAX) {
    throw new TrustError(`endless data: a chain of keys has at most ${KEY_CHAIN_SIZE_MAX} bytes`)
  }
  const text = bytesOfArray(chain)
  if (text === '') return []
  if (!text.startsWith(COMMENT))
    throw new TrustError('the chain of keys does not begin with a statement')
  // A line of a statement is `key=value`, so that none begins like this.
  const parts = text.slice(COMMENT.length).split(`\n${COMMENT}`)
  return parts.map((part, index) => {
    return arrayOfBytes(`${COMMENT}${part}${index < parts.length - 1 ? '\n' : ''}`)
  })
}

export interface RevokedKey extends PublicKey {
  /** When the statement that revoked it was signed (seconds since 1970). */
  revokedSeconds: number
}

interface Trust {
  keys: PublicKey[]
  /** Of the last statement that was followed; 0: none. */
  sequence: number
  /** The statements that were followed: those worth keeping. */
  followed: Uint8Array[]
  revoked: RevokedKey[]
  /** Every key that held at some step of the chain, even if it was revoked later. */
  ever: PublicKey[]
}

/**
 * The keys of a role that hold after a chain: beginning with the configured ones, it follows
 * each statement signed by a key that held before it. Statements that don't follow are skipped: they are another role's, old
 * ones, or nobody's. The last key can't be revoked: somebody has to sign what comes next.
 */
export function followChain(
  configured: readonly PublicKey[],
  chain: readonly Uint8Array[],
  role: KeyRole,
  modules: Pick<KeyModules, 'signatures'>,
): Trust {
  const keys = [...configured]
  let trust: Trust = { keys, sequence: 0, followed: [], revoked: [], ever: keys }
  for (const signed of chain) trust = follow(trust, signed, role, modules) ?? trust
  return trust
}

function follow(
  { keys, sequence, followed, revoked: before, ever: held }: Trust,
  signed: Uint8Array,
  role: KeyRole,
  modules: Pick<KeyModules, 'signatures'>,
): Trust | undefined {
  let change: KeyChange
  try {
    change = openKeyChange(signed, keys, modules)
  } catch (error) {
    if (error instanceof TrustError) return undefined
    throw error
  }
  if (change.role !== role || change.sequence <= sequence) return undefined
  const revokedSeconds = change.issued
  const revoked = [...before, ...change.revoked.map((key) => ({ ...key, revokedSeconds }))]
  const news = change.next.filter((key) => !includes(keys, key))
  const left = [...keys, ...news].filter((key) => !includes(revoked, key))
  if (left.length === 0) return undefined
  const ever = [...held, ...left.filter((key) => !includes(held, key))]
  return { keys: left, sequence: change.sequence, followed: [...followed, signed], revoked, ever }
}

export function includes(keys: readonly PublicKey[], { key }: PublicKey): boolean {
  return keys.some((one) => one.key.every((byte, index) => byte === key[index]))
}

/** A chain with one more statement. Throws a ConfigError if devices would not follow it. */
export function extendChain(
  chain: Uint8Array,
  change: Omit<KeyChange, 'sequence'>,
  key: SecretKey,
): { chain: Uint8Array; sequence: number } {
  const own = { name: key.name, number: key.number, key: key.key.slice(32) }
  const signer = { ...own, signatures: key.signatures }
  const statements = splitChain(chain)
  const sequence = 1 + Math.max(0, ...statements.map((one) => sequenceOf(one, change.role)))
  if (includes(change.revoked, signer) && change.next.length === 0) {
    throw new ConfigError(
      `${key.name} would revoke itself, and there is no next key`,
      'name the next key with --next',
    )
  }
  const signed = signKeyChange({ ...change, sequence }, key)
  const whole = new Uint8Array(chain.length + signed.length)
  whole.set(chain)
  whole.set(signed, chain.length)
  if (whole.length > KEY_CHAIN_SIZE_MAX) throw new ConfigError('the chain of keys is full')
  return { chain: whole, sequence }
}

/**
 * When a chain revokes a key of a role (seconds since 1970); undefined if it does not. For the publisher, who
 * wrote the chain: whose signatures it bears is not looked at.
 */
export function revokedBy(chain: Uint8Array, role: KeyRole, key: PublicKey): number | undefined {
  const blob = blobOf(key)
  for (const signed of splitChain(chain)) {
    const lines = bytesOfArray(signed).split('\n')
    const revoked = lines.find((line) => line.startsWith('revoked='))?.slice('revoked='.length)
    if (!lines.includes(`role=${role}`) || !revoked?.split(' ').includes(blob)) continue
    const issued = lines.find((line) => line.startsWith('issued='))?.slice('issued='.length)
    return parseInstant(issued ?? '') ?? 0
  }
  return undefined
}

/** What the publisher's own chain says; nobody else wrote it. */
function sequenceOf(signed: Uint8Array, role: KeyRole): number {
  const text = bytesOfArray(signed)
  if (!text.includes(`\nrole=${role}\n`)) return 0
  return Number(/\nsequence=([0-9]+)\n/.exec(text)?.[1] ?? 0)
}
