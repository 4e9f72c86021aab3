/**
 * The answers of a laptop that has what a neighbour asks for. It waits a random moment, keeps quiet where
 * another one answers first, and says nothing that it was not asked. An answer goes to everybody on the link
 * of the question, by broadcast or to the group, and never to an address that a stranger wrote: so the others
 * hear it and keep quiet, and nobody can have it sent anywhere else.
 */
import { TrustError } from '../errors.ts'
import type { Host } from '../host.ts'
import { ANSWERS_PER_MINUTE_MAX, NEIGHBOUR_WORDS_SIZE_MAX } from '../limits.ts'
import { Ear, type Sender } from '../push/ear.ts'
import { everybody, sendOnce } from '../push/send.ts'
import { TokenBucket } from '../push/token-bucket.ts'
import { versionsOfPack } from '../release/packs.ts'
import { cardOf } from './link.ts'
import {
  answerIn,
  decodeNeighbourQuestion,
  encodeNeighbourAnswer,
  type NeighbourQuestion,
  suits,
} from './words.ts'

/** The random moment: a laptop that serves nobody waits up to the first, one that is nearly full up to the second. */
const IDLE_WITHIN_MS = 1000
export const ANSWER_WITHIN_MS = 3000
/** So many at once, which are not copies of one; more have other neighbours, or a school server. */
const PENDING_MAX = 32
/** A look at what the store has costs a slow laptop milliseconds: no more questions than these are looked at. */
const LOOKS_PER_SECOND = 5
const LOOKS_AT_ONCE = 20
/** Questions whose copies, by the other family or from a second card, are known as such. */
const SEEN_MAX = 64

/** What is served here at this moment. */
export interface NeighbourOffer {
  hardware: string
  deployment: string
  versions: readonly number[]
  /** Names of packs: `41-42`. */
  packs: readonly string[]
  /** Of the rsync daemon. */
  port: number
  /** How many are served at once at most, and how many more could be now. */
  places: number
  freePlaces: number
}

interface NeighbourAnswersOptions {
  /** Where questions are heard: the push's. */
  port: number
  /** Undefined: nothing now. */
  offered(): NeighbourOffer | undefined
}

interface Pending {
  question: NeighbourQuestion
  family: 4 | 6
  card: string
  /** The datagram's own (bytes). */
  size: number
}

export class NeighbourAnswers {
  readonly #modules: Pick<Host, 'sockets' | 'clock' | 'random'>
  readonly #options: NeighbourAnswersOptions
  readonly #ear: Ear
  readonly #budget: TokenBucket
  readonly #looks: TokenBucket
  readonly #pending = new Map<string, Pending>()
  #seen: string[] = []
  /** How often it answered, and how often it had something and kept quiet because another one answered. */
  answered = 0
  keptQuiet = 0

  /** Throws a SystemError if nothing can be heard at the port. `failed`: no longer. */
  constructor(
    modules: Pick<Host, 'sockets' | 'clock' | 'random'>,
    options: NeighbourAnswersOptions,
    failed: (error: unknown) => void,
  ) {
    this.#modules = modules
    this.#options = options
    const perSecond = ANSWERS_PER_MINUTE_MAX / 60
    this.#budget = new TokenBucket(modules.clock, perSecond, ANSWERS_PER_MINUTE_MAX / 2)
    this.#looks = new TokenBucket(modules.clock, LOOKS_PER_SECOND, LOOKS_AT_ONCE)
    this.#ear = new Ear(modules, {
      port: options.port,
      sizeMax: NEIGHBOUR_WORDS_SIZE_MAX,
      came: (datagram, from) => this.#came(datagram, from),
      failed,
    })
  }

  close(): void {
    this.#ear.close()
    this.#pending.clear()
  }

  #came(datagram: Uint8Array, from: Sender): void {
    const question = questionIn(datagram)
    if (question) this.#asked(question, from, datagram.length)
    else if (this.#pending.size > 0) this.#answeredByOther(datagram, from)
  }

  #asked(question: NeighbourQuestion, from: Sender, size: number): void {
    const { nonce } = question
    if (this.#seen.includes(nonce) || this.#pending.size >= PENDING_MAX) return
    const card = cardOf(this.#modules.sockets, from)
    if (card === undefined || !this.#looks.take()) return
    const offered = this.#options.offered()
    if (!offered || versionFor(question, offered) === undefined) return
    this.#seen = [...this.#seen.slice(1 - SEEN_MAX), nonce]
    this.#pending.set(nonce, { question, family: from.family, card, size })
    const isBusy = 1 - offered.freePlaces / offered.places
    const withinMs = IDLE_WITHIN_MS + isBusy * (ANSWER_WITHIN_MS - IDLE_WITHIN_MS)
    void this.#answerAfter(nonce, this.#fraction() * withinMs)
  }

  async #answerAfter(nonce: string, waitMs: number): Promise<void> {
    await this.#modules.clock.sleep(waitMs)
    const pending = this.#pending.get(nonce)
    this.#pending.delete(nonce)
    // In the meantime it may have come to serve others, or nobody.
    const offered = this.#options.offered()
    const version = pending && offered && versionFor(pending.question, offered)
    if (!pending || !offered || version === undefined || !this.#budget.take()) return
    const packs = packsFor(pending.question, version, offered)
    const { port, freePlaces: places } = offered
    const answer = { nonce, version, packs, places, port }
    const datagram = encodeNeighbourAnswer(answer, pending.size)
    if (!datagram) return
    this.answered++
    for (const target of everybody(this.#modules, this.#options.port)) {
      const isThere = target.card === pending.card && target.address.family === pending.family
      // Who asked has other ways: an answer that the system refuses to send is no loss.
      if (isThere) await sendOnce(this.#modules, target, datagram)
    }
  }

  /** One who was named as misbehaving, or is on no link of ours, keeps nobody quiet. */
  #answeredByOther(datagram: Uint8Array, from: Sender): void {
    const answer = answerIn(datagram)
    const question = answer && this.#pending.get(answer.nonce)?.question
    if (!question || !suits(question, answer.version)) return
    const [literal = ''] = from.address.split('%')
    if (question.aside.includes(literal)) return
    if (cardOf(this.#modules.sockets, from) === undefined) return
    this.#pending.delete(answer.nonce)
    this.keptQuiet++
  }

  /** From 0 to 1. */
  #fraction(): number {
    const [high = 0, low = 0] = this.#modules.random.randomBytes(2)
    return (high * 256 + low) / 65_536
  }
}

/** The version to offer; undefined: none that was asked for, or no place. */
function versionFor(question: NeighbourQuestion, offered: NeighbourOffer): number | undefined {
  const isOurs =
    question.hardware === offered.hardware && question.deployment === offered.deployment
  if (!isOurs || offered.freePlaces < 1) return undefined
  const suiting = offered.versions.filter((version) => suits(question, version))
  return suiting.length > 0 ? Math.max(...suiting) : undefined
}

/** Those that lead to the version, first from where the asker stands. */
function packsFor(
  { has = 0 }: NeighbourQuestion,
  version: number,
  { packs }: NeighbourOffer,
): string[] {
  const leading = packs.filter((name) => versionsOfPack(name)?.to === version)
  const fits = (name: string) => versionsOfPack(name)?.from === has
  return [...leading.filter(fits), ...leading.filter((name) => !fits(name))]
}

function questionIn(datagram: Uint8Array): NeighbourQuestion | undefined {
  try {
    return decodeNeighbourQuestion(datagram)
  } catch (error) {
    // Anybody can send anything here, and could fill a log of it.
    if (error instanceof TrustError) return undefined
    throw error
  }
}
