/**
 * The `upgrade-now` statement, which fits one datagram: a hint that there is a version to ask for,
 * and never a command to install. Sender and listener encode and decode it here.
 */
import { assert, TrustError } from '../errors.ts'
import { PUSH_SIZE_MAX, TIME_JUMP_MAX_SECONDS, VERSION_MAX } from '../limits.ts'
import { Fields, formatInstant } from '../release/fields.ts'
import {
  messageOf,
  type PublicKey,
  type SecretKey,
  sign,
  verifySignature,
} from '../release/signify.ts'
import { decodeStatement, encodeStatement } from '../release/statement.ts'

/** IPv4 hosts that joined this group hear it, besides broadcasts; IPv6 has no broadcast. */
export const PUSH_GROUP = '239.255.73.42'
export const PUSH_GROUP_6 = 'ff02::7a6f'
export const PUSH_PORT = 8766

export interface UpgradeNow {
  version: number
  /** The deployment that it is meant for, or `any`. */
  deployment: string
  /** Seconds since 1970. A later one of the same key counts, an earlier or equal one does not. */
  issued: number
}

export function signUpgradeNow(push: UpgradeNow, key: SecretKey): Uint8Array {
  const message = encodeStatement('upgrade-now', [
    ['version', String(push.version)],
    ['deployment', push.deployment],
    ['issued', formatInstant(push.issued)],
  ])
  const signed = sign(message, key, 'upgrade now')
  // The name of a deployment has at most 100 characters, of at most three bytes each.
  assert(signed.length <= PUSH_SIZE_MAX, 'size of a push')
  return signed
}

/** What a laptop knows when a push comes. */
export interface PushSituation {
  /** The version that runs; undefined: none. */
  running: number | undefined
  deployment: string
  /** The newest signed time seen, in seconds since 1970; 0: none. */
  trustedSeconds: number
  /** When the newest push heard so far was signed; 0: none. */
  pushSeconds: number
}

/**
 * Whether a push concerns this laptop, by all that can be checked without its signature, which costs a
 * slow laptop more than the rest. Throws a TrustError that names what is wrong; false if it is meant
 * for others, or is nothing new.
 */
export function concerns(signed: Uint8Array, situation: PushSituation): boolean {
  if (signed.length > PUSH_SIZE_MAX) {
    throw new TrustError(`endless data: a push has at most ${PUSH_SIZE_MAX} bytes`)
  }
  const push = decode(messageOf(signed, NAME))
  const { running = 0, deployment, trustedSeconds, pushSeconds } = situation
  if (push.deployment !== 'any' && push.deployment !== deployment) return false
  if (push.version <= running) return false
  const seen = Math.max(trustedSeconds, pushSeconds)
  if (push.issued <= seen) {
    throw new TrustError(
      `replay: ${NAME} is of ${formatInstant(push.issued)}, and ${formatInstant(seen)} was seen`,
    )
  }
  if (trustedSeconds > 0 && push.issued > trustedSeconds + TIME_JUMP_MAX_SECONDS) {
    throw new TrustError(`fast-forward: ${NAME} is of ${formatInstant(push.issued)}`)
  }
  return true
}

/** The push, if a key of the role `push` signed it. Throws a TrustError. */
export function openUpgradeNow(signed: Uint8Array, keys: readonly PublicKey[]): UpgradeNow {
  return decode(verifySignature(signed, keys, NAME))
}

const NAME = 'the push'

function decode(message: Uint8Array): UpgradeNow {
  const fields = new Fields(NAME, decodeStatement(message, 'upgrade-now'))
  return {
    version: fields.count('version', 1, VERSION_MAX),
    deployment: fields.audience('deployment'),
    issued: fields.instant('issued'),
  }
}
