/**
 * What neighbours say to each other, as texts of `key=value` lines that fit one datagram (docs/FORMATS.md):
 * who has this version, and I have it. Nothing here is signed, and nothing of it is more than a hint.
 */

import { TrustError } from '../errors.ts'
import { NEIGHBOUR_WORDS_SIZE_MAX, VERSION_MAX } from '../limits.ts'
import { Fields } from '../release/fields.ts'
import { versionsOfPack } from '../release/packs.ts'
import { decodeStatement, encodeStatement } from '../release/statement.ts'

export interface NeighbourQuestion {
  nonce: string
  hardware: string
  deployment: string
  /** Undefined: any newer than what it has. */
  wanted: number | undefined
  /** The version that runs; undefined: none. */
  has: number | undefined
  /** Addresses of neighbours that misbehaved: an answer of theirs keeps nobody quiet. */
  aside: string[]
}

interface NeighbourAnswer {
  nonce: string
  version: number
  /** Packs that lead to it, by their names, as many as there was room for. */
  packs: string[]
  /** How many more it would serve now. */
  places: number
  /** Where its rsync daemon listens, at the address from which this was sent. */
  port: number
}

/** So many that misbehave are named at most: a school has few, and each has some 25 bytes. */
const ASIDE_NAMED_MAX = 4
const PACKS_NAMED_MAX = 16
const PLACES_MAX = 999
const NONCE = /^[0-9a-f]{16}$/
const ADDRESSES = /^[0-9a-f:.]{2,45}( [0-9a-f:.]{2,45}){0,3}$/

export function encodeNeighbourQuestion(question: NeighbourQuestion): Uint8Array {
  const { nonce, hardware, deployment, wanted, has, aside } = question
  const fields: [string, string][] = [
    ['nonce', nonce],
    ['hardware', hardware],
    ['deployment', deployment],
    ['wanted', wanted === undefined ? 'newest' : String(wanted)],
    ['has', has === undefined ? 'nothing' : String(has)],
  ]
  if (aside.length > 0) fields.push(['aside', aside.slice(0, ASIDE_NAMED_MAX).join(' ')])
  return encodeStatement('ask-neighbours', fields)
}

/** Throws a TrustError for anything that is no question. Unknown keys are ignored. */
export function decodeNeighbourQuestion(datagram: Uint8Array): NeighbourQuestion {
  const fields = fieldsOf(datagram, 'ask-neighbours')
  const version = (key: string, none: string) =>
    fields.text(key) === none ? undefined : fields.count(key, 1, VERSION_MAX)
  return {
    nonce: fields.matching('nonce', NONCE),
    hardware: fields.audience('hardware'),
    deployment: fields.audience('deployment'),
    wanted: version('wanted', 'newest'),
    has: version('has', 'nothing'),
    aside: fields.optional('aside', (key) => fields.matching(key, ADDRESSES))?.split(' ') ?? [],
  }
}

/** No larger than the question was, for which packs are left out. */
export function encodeNeighbourAnswer(
  answer: NeighbourAnswer,
  sizeMax: number,
): Uint8Array | undefined {
  const packs = answer.packs.slice(0, PACKS_NAMED_MAX)
  for (;;) {
    const fields: [string, string][] = [
      ['nonce', answer.nonce],
      ['version', String(answer.version)],
    ]
    if (packs.length > 0) fields.push(['packs', packs.join(' ')])
    fields.push(['places', String(Math.min(answer.places, PLACES_MAX))])
    fields.push(['port', String(answer.port)])
    const datagram = encodeStatement('neighbour', fields)
    if (datagram.length <= sizeMax) return datagram
    if (packs.pop() === undefined) return undefined
  }
}

/** Throws a TrustError for anything that is no answer. */
export function decodeNeighbourAnswer(datagram: Uint8Array): NeighbourAnswer {
  const fields = fieldsOf(datagram, 'neighbour')
  const packs = fields.optional('packs', (key) => fields.text(key).split(' ')) ?? []
  const isList = packs.length <= PACKS_NAMED_MAX && packs.every((name) => versionsOfPack(name))
  if (!isList) fields.refuse('packs', packs.join(' '))
  return {
    nonce: fields.matching('nonce', NONCE),
    version: fields.count('version', 1, VERSION_MAX),
    packs,
    places: fields.count('places', 1, PLACES_MAX),
    port: fields.count('port', 1, 65_535),
  }
}

/** Whether what is offered is what was asked for. */
export function suits(
  { wanted, has }: Pick<NeighbourQuestion, 'wanted' | 'has'>,
  version: number,
): boolean {
  return wanted === undefined ? version > (has ?? 0) : version === wanted
}

/** Undefined: it is none. Anybody can send anything to the port. */
export function answerIn(datagram: Uint8Array): NeighbourAnswer | undefined {
  try {
    return decodeNeighbourAnswer(datagram)
  } catch (error) {
    if (error instanceof TrustError) return undefined
    throw error
  }
}

function fieldsOf(datagram: Uint8Array, kind: string): Fields {
  if (datagram.length > NEIGHBOUR_WORDS_SIZE_MAX) {
    throw new TrustError(`endless data: a neighbour says at most ${NEIGHBOUR_WORDS_SIZE_MAX} bytes`)
  }
  return new Fields(`the words of a neighbour (${kind})`, decodeStatement(datagram, kind))
}
