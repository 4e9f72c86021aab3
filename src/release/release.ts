/**
 * The release statement: what one version is, and for whom. `openRelease` is the only way from bytes
 * to a release that may be acted on; `admit` decides whether this device may take it. Neither
 * fetches or writes anything.
 */
import { TrustError } from '../errors.ts'
import { MANIFEST_SIZE_MAX, RELEASE_SIZE_MAX, VERSION_JUMP_MAX, VERSION_MAX } from '../limits.ts'
import { bytesOfText, show } from '../text.ts'
import { messageOf, type PublicKey, type SecretKey, sign, verify } from './signify.ts'
import { decodeStatement, encodeStatement, isValue, type Statement } from './statement.ts'

export interface Release {
  version: number
  /** The machine and the deployment that it is for, or `any`. */
  hardware: string
  deployment: string
  /** SHA-256, 64 lower-case hex digits. */
  manifestDigest: string
  manifestSize: number
  entries: number
  imageBytes: number
  /** The oldest version that may jump straight to this one; 0: any. */
  jumpFrom: number
  /** Seconds since 1970. */
  issued: number
  /** Seconds since 1970; undefined: never. */
  expires: number | undefined
}

/** The release, if one of the keys signed it. Throws a TrustError. */
export function openRelease(signed: Uint8Array, keys: readonly PublicKey[]): Release {
  checkSize(signed)
  return decodeRelease(verify(signed, keys, 'the release'))
}

/** Without a look at the signature: only for a statement that this machine has verified before. */
export function readRelease(signed: Uint8Array): Release {
  checkSize(signed)
  return decodeRelease(messageOf(signed, 'the release'))
}

export function signRelease(release: Release, key: SecretKey, comment: string): Uint8Array {
  return sign(encodeRelease(release), key, comment)
}

function checkSize(signed: Uint8Array): void {
  if (signed.length > RELEASE_SIZE_MAX) {
    throw new TrustError(
      `the release has ${signed.length} bytes; at most ${RELEASE_SIZE_MAX} can be`,
    )
  }
}

function encodeRelease(release: Release): Uint8Array {
  const fields: [string, string][] = [
    ['version', String(release.version)],
    ['hardware', release.hardware],
    ['deployment', release.deployment],
    ['manifest-sha256', release.manifestDigest],
    ['manifest-size', String(release.manifestSize)],
    ['entries', String(release.entries)],
    ['image-bytes', String(release.imageBytes)],
    ['jump-from', String(release.jumpFrom)],
    ['issued', formatInstant(release.issued)],
  ]
  if (release.expires !== undefined) fields.push(['expires', formatInstant(release.expires)])
  return encodeStatement('release', fields)
}

function decodeRelease(message: Uint8Array): Release {
  const fields = decodeStatement(message, 'release')
  const manifestDigest = required(fields, 'manifest-sha256')
  if (!/^[0-9a-f]{64}$/.test(manifestDigest)) refuse('manifest-sha256', manifestDigest)
  const release: Release = {
    version: count(fields, 'version', 1, VERSION_MAX),
    hardware: audience(fields, 'hardware'),
    deployment: audience(fields, 'deployment'),
    manifestDigest,
    manifestSize: count(fields, 'manifest-size', 1, MANIFEST_SIZE_MAX),
    entries: count(fields, 'entries', 1, MANIFEST_SIZE_MAX),
    imageBytes: count(fields, 'image-bytes', 0, Number.MAX_SAFE_INTEGER),
    jumpFrom: count(fields, 'jump-from', 0, VERSION_MAX),
    issued: instant(fields, 'issued'),
    expires: fields.has('expires') ? instant(fields, 'expires') : undefined,
  }
  if (release.jumpFrom > release.version) refuse('jump-from', String(release.jumpFrom))
  return release
}

function refuse(key: string, value: string): never {
  throw new TrustError(
    `the release has the malformed value "${show(bytesOfText(value))}" of ${key}`,
  )
}

function required(fields: Statement, key: string): string {
  const value = fields.get(key)
  if (value === undefined) throw new TrustError(`the release has no ${key}`)
  return value
}

function count(fields: Statement, key: string, min: number, max: number): number {
  const text = required(fields, key)
  const value = /^(0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : -1
  if (value < min || value > max) {
    throw new TrustError(
      `the release has ${key}=${show(bytesOfText(text))}; ${min} to ${max} can be`,
    )
  }
  return value
}

function audience(fields: Statement, key: string): string {
  const value = required(fields, key)
  return isAudience(value) ? value : refuse(key, value)
}

/** A name of a machine or deployment: short, and without blanks at its ends. */
export function isAudience(value: string): boolean {
  return isValue(value) && value !== '' && value.length <= 100 && value.trim() === value
}

function instant(fields: Statement, key: string): number {
  const text = required(fields, key)
  return parseInstant(text) ?? refuse(key, text)
}

/** `2026-11-22T18:00:00Z` */
export function formatInstant(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`
}

/** Seconds since 1970; undefined where it is no instant in just this form. */
export function parseInstant(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text)) return undefined
  const milliseconds = Date.parse(text)
  // A 30th of February is no date, whatever the parser makes of it.
  if (Number.isNaN(milliseconds) || formatInstant(milliseconds / 1000) !== text) return undefined
  return milliseconds / 1000
}

/** What decides whether a device may take a release. */
export interface Device {
  hardware: string
  deployment: string
  /** The version that runs; 0 on a device that has none. */
  installed: number
  /** The highest version that was ever accepted; 0 on a new device. */
  floor: number
  /** The newest signed time that was seen, in seconds since 1970; 0 where there is none. */
  trustedSeconds: number
}

/** Throws a TrustError that names the attack, or the mistake, where the device may not take the release. */
export function admit(release: Release, device: Device): void {
  const version = release.version
  if (release.hardware !== 'any' && release.hardware !== device.hardware) {
    throw new TrustError(
      `wrong hardware: version ${version} is for "${release.hardware}", this is "${device.hardware}"`,
    )
  }
  if (release.deployment !== 'any' && release.deployment !== device.deployment) {
    throw new TrustError(
      `wrong deployment: version ${version} is for "${release.deployment}", ` +
        `this belongs to "${device.deployment}"`,
    )
  }
  if (version < device.floor) {
    throw new TrustError(
      `rollback: version ${version} is older than version ${device.floor}, which was accepted before`,
    )
  }
  const highest = Math.max(device.floor, device.installed)
  // A device that has nothing yet has nothing to jump from: whoever installs it chose the source.
  if (highest > 0 && version > highest + VERSION_JUMP_MAX) {
    throw new TrustError(
      `fast-forward: version ${version} is more than ${VERSION_JUMP_MAX} above version ${highest}`,
    )
  }
  if (release.expires !== undefined && device.trustedSeconds > release.expires) {
    throw new TrustError(
      `freeze: version ${version} expired at ${formatInstant(release.expires)}, ` +
        `and it is at least ${formatInstant(device.trustedSeconds)}`,
    )
  }
  if (device.installed > 0 && device.installed < release.jumpFrom) {
    throw new TrustError(
      `jump too far: version ${version} can follow version ${release.jumpFrom} or a later one, ` +
        `and version ${device.installed} runs`,
      `upgrade to a version from ${release.jumpFrom} to ${version - 1} first`,
    )
  }
}
