/**
 * The release statement: what one version is, and for whom. `openRelease` is the only way from bytes
 * to a release that may be acted on; `admit` decides whether this device may take it. Neither
 * fetches or writes anything.
 */
import { TrustError } from '../errors.ts'
import { MANIFEST_SIZE_MAX, RELEASE_SIZE_MAX, VERSION_JUMP_MAX, VERSION_MAX } from '../limits.ts'
import { Fields, formatInstant } from './fields.ts'
import { type Pack, packFields, packsOf } from './packs.ts'
import { messageOf, type PublicKey, type SecretKey, sign, verifySignature } from './signify.ts'
import { decodeStatement, encodeStatement } from './statement.ts'

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
  /** Packs that were made with it, and earlier ones that lead to it; absent: none. */
  packs?: readonly Pack[]
}

/** The release, if one of the keys signed it. Throws a TrustError. */
export function openRelease(signed: Uint8Array, keys: readonly PublicKey[]): Release {
  checkSize(signed)
  return decodeRelease(verifySignature(signed, keys, 'the release'))
}

/** Without checking the signature: only for a statement that this machine has verified before. */
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
      `the release has ${signed.length} bytes; at most ${RELEASE_SIZE_MAX} allowed`,
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
  fields.push(...packFields(release.packs ?? []))
  return encodeStatement('release', fields)
}

function decodeRelease(message: Uint8Array): Release {
  const fields = new Fields('the release', decodeStatement(message, 'release'))
  const release: Release = {
    version: fields.count('version', 1, VERSION_MAX),
    hardware: fields.audience('hardware'),
    deployment: fields.audience('deployment'),
    manifestDigest: fields.matching('manifest-sha256', /^[0-9a-f]{64}$/),
    manifestSize: fields.count('manifest-size', 1, MANIFEST_SIZE_MAX),
    entries: fields.count('entries', 1, MANIFEST_SIZE_MAX),
    imageBytes: fields.count('image-bytes', 0, Number.MAX_SAFE_INTEGER),
    jumpFrom: fields.count('jump-from', 0, VERSION_MAX),
    issued: fields.instant('issued'),
    expires: fields.optional('expires', (key) => fields.instant(key)),
  }
  if (release.jumpFrom > release.version) fields.refuse('jump-from', String(release.jumpFrom))
  const packs = packsOf(fields.statement)
  return packs.length > 0 ? { ...release, packs } : release
}

/** What decides whether a device may take a release. */
export interface DeviceTraits {
  hardware: string
  deployment: string
  /** The version that runs; 0 on a device that has none. */
  running: number
  /** The highest version ever accepted; 0 on a new device. */
  floor: number
  /** The newest signed time seen, in seconds since 1970; 0 if there is none. */
  trustedSeconds: number
}

/** Throws a TrustError that names the attack, or the mistake, if the device may not take the release. */
export function admit(release: Release, device: DeviceTraits): void {
  refuseForeign(release, device)
  const { version } = release
  if (release.expires !== undefined && device.trustedSeconds > release.expires) {
    throw new TrustError(
      `freeze: version ${version} expired at ${formatInstant(release.expires)}, ` +
        `and it is at least ${formatInstant(device.trustedSeconds)}`,
    )
  }
  if (device.running > 0 && device.running < release.jumpFrom) {
    throw new TrustError(
      `jump too far: version ${version} can follow version ${release.jumpFrom} or a later one, ` +
        `and version ${device.running} runs`,
      `upgrade to a version from ${release.jumpFrom} to ${version - 1} first`,
    )
  }
}

/** The half of `admit` that asks for no time: one for another machine, or out of reach, has no say in it. */
export function refuseForeign(
  release: Release,
  device: Omit<DeviceTraits, 'trustedSeconds'>,
): void {
  const { version } = release
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
  const highest = Math.max(device.floor, device.running)
  // A device that has nothing yet has nothing to jump from: the person installing it chose the source.
  if (highest > 0 && version > highest + VERSION_JUMP_MAX) {
    throw new TrustError(
      `fast-forward: version ${version} is more than ${VERSION_JUMP_MAX} above version ${highest}`,
    )
  }
}
