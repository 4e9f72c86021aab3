/**
 * What a laptop tells when it calls home: a small text of `key=value` lines, and nothing else of the
 * child's machine. The laptop encodes it, the home server decodes it, both here. It is not signed.
 */
import { PeerError, TrustError } from '../errors.ts'
import { QUESTION_SIZE_MAX, VERSION_MAX } from '../limits.ts'
import { type Brought, isOrigin, parseReceived, type Received, receivedText } from '../origin.ts'
import { Fields } from '../release/fields.ts'
import { decodeStatement, encodeStatement } from '../release/statement.ts'
import { isNonce, isSerial } from './reply.ts'

export interface Question {
  serial: string
  nonce: string
  hardware: string
  deployment: string
  /** The version that runs; undefined: none. */
  installed: number | undefined
  /** The version that runs on trial. */
  trial: number | undefined
  /** Versions that never became healthy here and were rolled back. */
  bad: number[]
  /** How the last upgrade ended: `staged`, `up-to-date` …, or the class of an error. */
  outcome: string | undefined
  /** The error's code: the system's (`ENOSPC`), or the attack's name (`rollback`). */
  code: string | undefined
  /** The last version that was brought here, and what sort of source served it. */
  brought?: Pick<Brought, 'version' | 'origin'> | undefined
  /** All bytes that sources ever sent, by their sort. */
  received?: Received | undefined
}

/** Where the home server is asked. */
export const CALL_HOME_PATH = '/call-home'
export const QUESTION_TYPE = 'text/plain; charset=utf-8'

/** A class of errors, an outcome, an error number, or the words of an attack. */
const WORD = /^[A-Za-z][A-Za-z0-9 -]{0,39}$/
const BAD_MAX = 32

export function encodeQuestion(question: Question): Uint8Array {
  const fields: [string, string][] = [
    ['serial', question.serial],
    ['nonce', question.nonce],
    ['hardware', question.hardware],
    ['deployment', question.deployment],
  ]
  const { installed, trial, outcome, code } = question
  if (installed !== undefined) fields.push(['installed', String(installed)])
  if (trial !== undefined) fields.push(['trial', String(trial)])
  const bad = question.bad.slice(-BAD_MAX)
  if (bad.length > 0) fields.push(['bad', bad.join(' ')])
  if (outcome !== undefined && WORD.test(outcome)) fields.push(['last-outcome', outcome])
  if (code !== undefined && WORD.test(code)) fields.push(['last-code', code])
  const { brought, received } = question
  if (brought !== undefined) fields.push(['brought', `${brought.version} ${brought.origin}`])
  const sums = received && receivedText(received)
  if (sums !== undefined) fields.push(['received', sums])
  return encodeStatement('call-home', fields)
}

/** Throws a PeerError `broken` for anything that is not a question. Unknown keys are ignored. */
export function decodeQuestion(bytes: Uint8Array): Question {
  if (bytes.length > QUESTION_SIZE_MAX) {
    throw new PeerError(`a question has at most ${QUESTION_SIZE_MAX} bytes`, 'broken')
  }
  try {
    return questionOf(new Fields('the question', decodeStatement(bytes, 'call-home')))
  } catch (error) {
    // Nothing here is signed: an error is the laptop's doing, and not a matter of trust.
    if (error instanceof TrustError) throw new PeerError(error.message, 'broken')
    throw error
  }
}

function questionOf(fields: Fields): Question {
  const serial = fields.text('serial')
  if (!isSerial(serial)) fields.refuse('serial', serial)
  const nonce = fields.text('nonce')
  if (!isNonce(nonce)) fields.refuse('nonce', nonce)
  const version = (key: string) => fields.count(key, 1, VERSION_MAX)
  const word = (key: string) => fields.matching(key, WORD)
  const bad = fields.optional('bad', (key) => fields.matching(key, /^[0-9]{1,9}( [0-9]{1,9})*$/))
  const versions = bad?.split(' ').map(Number) ?? []
  if (versions.length > BAD_MAX) fields.refuse('bad', bad ?? '')
  return {
    serial,
    nonce,
    hardware: fields.audience('hardware'),
    deployment: fields.audience('deployment'),
    installed: fields.optional('installed', version),
    trial: fields.optional('trial', version),
    bad: versions,
    outcome: fields.optional('last-outcome', word),
    code: fields.optional('last-code', word),
    brought: broughtIn(fields),
    received: fields.optional(
      'received',
      (key) => parseReceived(fields.text(key)) ?? refused(fields, key),
    ),
  }
}

/** Undefined as well for a sort of source that this server is too old for. */
function broughtIn(fields: Fields): Question['brought'] {
  const text = fields.optional('brought', (key) =>
    fields.matching(key, /^[1-9][0-9]{0,8} [a-z]{1,20}$/),
  )
  const [version, origin] = text?.split(' ') ?? []
  return isOrigin(origin) ? { version: Number(version), origin } : undefined
}

const refused = (fields: Fields, key: string): never => fields.refuse(key, fields.text(key))
