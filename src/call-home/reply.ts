/**
 * What the home server answers: the `call-home-reply` statement, and `unlock`, which a person brings
 * on a stick. Both sides encode and decode here. `openReply` and `openUnlock` are the only ways from
 * bytes to something that may be believed; what they refuse is named for the attack.
 */

import { assert, TrustError } from '../errors.ts'
import { REPLY_SIZE_MAX, VERSION_MAX } from '../limits.ts'
import { Fields, formatInstant } from '../release/fields.ts'
import { type PublicKey, verifySignature } from '../release/signify.ts'
import { decodeStatement, encodeStatement, isValue } from '../release/statement.ts'

export const PRIORITIES = ['low', 'normal', 'urgent'] as const
export type Priority = (typeof PRIORITIES)[number]

export interface Reply {
  /** The serial number of the laptop that asked, and the nonce that it sent. */
  serial: string
  nonce: string
  /** When it was signed. All times are in seconds since 1970. */
  time: number
  stolen: boolean
  /** The version that the laptop should run; undefined: whatever its sources call the latest. */
  version: number | undefined
  /** Until when the laptop may be used; undefined: no limit. */
  leaseEnd: number | undefined
  /** After how long the laptop should ask again. It keeps to bounds of its own. */
  intervalSeconds: number
  /** `low`: when idle; `normal`; `urgent`: now. */
  priority: Priority
  /** URLs to try before those that the laptop knows. */
  sources: string[]
  /** For the user; '' if there is none. */
  message: string
}

/** Frees one laptop by hand. */
interface Unlock {
  serial: string
  /** When it was signed; valid only if later than whatever locked the laptop. */
  time: number
  /** The new lease; undefined: no end. */
  leaseEnd: number | undefined
}

/** What a serial number may be on both sides: safe in file names and logs. */
const SERIAL = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const NONCE = /^[0-9a-f]{32}$/
/** 16 bytes, which nobody can guess, and which never come twice. */
export const NONCE_LENGTH = 16
/** A year: the largest number of seconds allowed. Laptops limit it further. */
const REPLY_INTERVAL_MAX_SECONDS = 366 * 86_400
const SOURCES_MAX = 8
const SOURCE_LENGTH_MAX = 300
const MESSAGE_LENGTH_MAX = 500

export function isSerial(text: string): boolean {
  return SERIAL.test(text)
}

export function isNonce(text: string): boolean {
  return NONCE.test(text)
}

/** True if a reply can carry the list. */
export function areSources(sources: readonly string[]): boolean {
  if (sources.length > SOURCES_MAX) return false
  return sources.every((url) => /^[\x21-\x7e]+$/.test(url) && url.length <= SOURCE_LENGTH_MAX)
}

/** True if a reply can carry the message. */
export function isMessage(message: string): boolean {
  return isValue(message) && message.length <= MESSAGE_LENGTH_MAX
}

/** The bytes to sign. The caller has checked serial, nonce, sources and message. */
export function encodeReply(reply: Reply): Uint8Array {
  assert(isSerial(reply.serial) && isNonce(reply.nonce), 'serial and nonce of a reply')
  assert(areSources(reply.sources) && isMessage(reply.message), 'texts of a reply')
  const fields: [string, string][] = [
    ['serial', reply.serial],
    ['nonce', reply.nonce],
    ['time', formatInstant(reply.time)],
    ['stolen', reply.stolen ? 'yes' : 'no'],
    ['interval', String(reply.intervalSeconds)],
    ['priority', reply.priority],
  ]
  if (reply.version !== undefined) fields.push(['version', String(reply.version)])
  if (reply.leaseEnd !== undefined) fields.push(['lease-end', formatInstant(reply.leaseEnd)])
  if (reply.sources.length > 0) fields.push(['sources', reply.sources.join(' ')])
  if (reply.message !== '') fields.push(['message', reply.message])
  return encodeStatement('call-home-reply', fields)
}

/** What a laptop asked with. */
export interface AskedWith {
  serial: string
  nonce: string
}

/**
 * The reply, if a key of the role `home` signed it for this laptop and this question. Throws a TrustError.
 * It is no older than its question, so that its date is the time, whatever was believed before.
 */
export function openReply(signed: Uint8Array, keys: readonly PublicKey[], asked: AskedWith): Reply {
  const name = 'the reply of the home server'
  const fields = openSigned(signed, keys, 'call-home-reply', name)
  const serial = boundTo(fields, asked.serial)
  const nonce = fields.matching('nonce', NONCE)
  if (nonce !== asked.nonce) {
    throw new TrustError(
      `replay: ${name} answers another question (nonce ${nonce}, asked was ${asked.nonce})`,
    )
  }
  const sources = fields.optional('sources', (key) => fields.text(key).split(' ')) ?? []
  if (!areSources(sources)) fields.refuse('sources', sources.join(' '))
  const message = fields.optional('message', (key) => fields.text(key)) ?? ''
  if (!isMessage(message)) fields.refuse('message', `${message.slice(0, 100)}…`)
  return {
    serial,
    nonce,
    time: fields.instant('time'),
    stolen: fields.choice('stolen', ['yes', 'no']) === 'yes',
    version: fields.optional('version', (key) => fields.count(key, 1, VERSION_MAX)),
    leaseEnd: fields.optional('lease-end', (key) => fields.instant(key)),
    intervalSeconds: fields.count('interval', 0, REPLY_INTERVAL_MAX_SECONDS),
    priority: fields.choice('priority', PRIORITIES),
    sources,
    message,
  }
}

export function encodeUnlock(unlock: Unlock): Uint8Array {
  assert(isSerial(unlock.serial), 'serial of an unlock statement')
  const fields: [string, string][] = [
    ['serial', unlock.serial],
    ['time', formatInstant(unlock.time)],
  ]
  if (unlock.leaseEnd !== undefined) fields.push(['lease-end', formatInstant(unlock.leaseEnd)])
  return encodeStatement('unlock', fields)
}

/** What a laptop knows that an unlock statement is brought to. */
interface UnlockSituation extends Pick<AskedWith, 'serial'> {
  /** What home said last that it is, in seconds since 1970; 0: nothing. */
  trustedSeconds: number
  /** When those were signed that were used here. */
  unlocks: readonly number[]
}

/**
 * No nonce binds an unlock statement: it has to be newer than what home said last, and none that was
 * used, so that one from before the theft opens nothing.
 */
export function openUnlock(
  signed: Uint8Array,
  keys: readonly PublicKey[],
  asked: UnlockSituation,
): Unlock {
  const name = 'the unlock statement'
  const fields = openSigned(signed, keys, 'unlock', name)
  const serial = boundTo(fields, asked.serial)
  const time = fields.instant('time')
  refuseUsed(name, time, asked.unlocks)
  refuseOld(name, time, asked.trustedSeconds)
  return { serial, time, leaseEnd: fields.optional('lease-end', (key) => fields.instant(key)) }
}

function openSigned(
  signed: Uint8Array,
  keys: readonly PublicKey[],
  kind: string,
  name: string,
): Fields {
  if (signed.length > REPLY_SIZE_MAX) {
    throw new TrustError(
      `endless data: ${name} has more than the ${REPLY_SIZE_MAX} bytes that it may have`,
    )
  }
  return new Fields(name, decodeStatement(verifySignature(signed, keys, name), kind))
}

function boundTo(fields: Fields, own: string): string {
  const serial = fields.matching('serial', SERIAL)
  if (serial === own) return serial
  throw new TrustError(`wrong serial: ${fields.name} is for "${serial}", this is "${own}"`)
}

const UNLOCK_CURE =
  'if it is a new one, set the clock of the machine that signs and sign another; by network the ' +
  'laptop is freed whatever the dates say'

function refuseUsed(name: string, time: number, used: readonly number[]): void {
  if (!used.includes(time)) return
  throw new TrustError(`replay: ${name} of ${formatInstant(time)} was used here`, UNLOCK_CURE)
}

function refuseOld(name: string, time: number, trustedSeconds: number): void {
  if (time > trustedSeconds) return
  throw new TrustError(
    `replay: ${name} is of ${formatInstant(time)}, and home was heard here at ` +
      `${formatInstant(trustedSeconds)}: it has to be newer`,
    UNLOCK_CURE,
  )
}
