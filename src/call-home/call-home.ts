/**
 * Asks the home server once: question out, signed reply in. It changes nothing; the caller keeps
 * what came (`recordReply`). Only `openReply` decides what of it is believed.
 */
import { attackIn } from '../attacks.ts'
import { ConfigError, DeadlineError, PeerError } from '../errors.ts'
import type { Host } from '../host.ts'
import { REPLY_SIZE_MAX } from '../limits.ts'
import { isAudience } from '../release/fields.ts'
import type { PublicKey } from '../release/signify.ts'
import type { State } from '../store/state.ts'
import { show, textOfBytes } from '../text.ts'
import { type HttpAddress, post } from './http-post.ts'
import { encodeQuestion, type Question } from './question.ts'
import { NONCE_LENGTH, openReply, type Reply } from './reply.ts'

export interface HomeContact {
  address: HttpAddress
  /** Of the role `home`. */
  keys: readonly PublicKey[]
  timeoutMs: number
}

export interface Laptop {
  serial: string
  hardware: string
  deployment: string
  /** The version that runs; undefined: none. */
  installed: number | undefined
}

/** What a question tells of the state record. */
type Told = Pick<State, 'trial' | 'bad' | 'last'> &
  Partial<Pick<State, 'attack' | 'brought' | 'received'>>

/** Throws PeerError or DeadlineError where no server answered, TrustError where what came is not to be believed. */
export async function callHome(
  modules: Pick<Host, 'sockets' | 'clock' | 'random'>,
  server: HomeContact,
  laptop: Laptop,
  state: Told,
): Promise<Reply> {
  const nonce = hex(modules.random.randomBytes(NONCE_LENGTH))
  const { address, keys, timeoutMs } = server
  const question = encodeQuestion(questionOf(laptop, state, nonce))
  const answer = await post(modules, address, question, { timeoutMs, bodyMax: REPLY_SIZE_MAX })
  if (answer.status !== 200) {
    throw new PeerError(
      `${address.name} answered with HTTP status ${answer.status}`,
      answer.status === 404 ? 'absent' : 'refused',
      answer.status === 404 ? 'check the path of the home server in the configuration' : undefined,
    )
  }
  const { serial } = laptop
  return openReply(answer.body, keys, { serial, nonce })
}

function questionOf(laptop: Laptop, state: Told, nonce: string): Question {
  const { trial, bad, last, attack, brought, received } = state
  return {
    ...laptop,
    hardware: audienceNamed('hardware', laptop.hardware),
    deployment: audienceNamed('deployment', laptop.deployment),
    nonce,
    trial,
    bad,
    outcome: last?.outcome,
    // An attack is reported, once, even if the next source served us well.
    code: attack && !attack.told ? attack.name : last && codeOf(last),
    brought,
    received,
  }
}

/** The configuration holds bytes, a question holds text. */
function audienceNamed(key: string, bytes: string): string {
  const text = textOfBytes(bytes)
  if (text !== undefined && isAudience(text)) return text
  throw new ConfigError(
    `device.${key} is "${show(bytes)}", allowed: a text of 1 to 100 characters`,
    'correct it in the configuration',
  )
}

/** A name for an error without its words, which may give away the child's files. */
function codeOf({ message }: { message: string }): string | undefined {
  return attackIn(message) ?? /\((E[A-Z0-9]+)\)/.exec(message)?.[1]
}

/** Whether the network or the server failed, in which case the laptop goes by what it was told before. */
export function isAway(error: unknown): error is Error {
  return error instanceof PeerError || error instanceof DeadlineError
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
