/**
 * The question to the neighbours: one datagram on each link, and a short wait for answers. What comes back
 * are places to try, and nothing that is believed: each was said by whoever heard the question.
 */
import type { Host } from '../host.ts'
import { NEIGHBOUR_WORDS_SIZE_MAX, NEIGHBOURS_MAX } from '../limits.ts'
import { Ear, type Sender } from '../push/ear.ts'
import { everybody, sendOnce } from '../push/send.ts'
import { versionsOfPack } from '../release/packs.ts'
import { ANSWER_WITHIN_MS } from './answer.ts'
import { cardOf } from './link.ts'
import { answerIn, encodeNeighbourQuestion, type NeighbourQuestion, suits } from './words.ts'

/** Beyond the time in which everybody answers: for the way, and for a slow laptop to look (milliseconds). */
const LATE_MS = 300
/** Who was about to answer when the first answer came, and had not heard it, is heard, too (milliseconds). */
const GATHER_MS = 300

/** Where one says that it has the version. */
export interface Neighbour {
  /** The sender's; an IPv6 one names its network card. */
  address: string
  port: number
  packs: string[]
}

/**
 * The neighbours to try, in this order; none if there is no network to ask on. `isAside` says of an
 * address and port that they are not to be tried. Throws a SystemError if nothing can be heard.
 */
export async function askNeighbours(
  modules: Pick<Host, 'sockets' | 'clock' | 'random'>,
  port: number,
  wish: Omit<NeighbourQuestion, 'nonce'>,
  isAside: (neighbour: Neighbour) => boolean,
): Promise<Neighbour[]> {
  const { sockets, clock, random } = modules
  const targets = everybody(modules, port)
  if (targets.length === 0) return []
  const question = { ...wish, nonce: nonceOf(random) }
  const found: Neighbour[] = []
  let answered = () => {}
  const first = new Promise<void>((resolve) => {
    answered = resolve
  })
  const ear = new Ear(modules, {
    port,
    sizeMax: NEIGHBOUR_WORDS_SIZE_MAX,
    came(datagram, from) {
      if (found.length >= NEIGHBOURS_MAX) return
      const neighbour = neighbourOf(sockets, question, datagram, from)
      if (!neighbour || isAside(neighbour)) return
      const { address, port } = neighbour
      // Anybody can write somebody's address: the one with another port may be the true one.
      if (found.some((other) => other.address === address && other.port === port)) return
      found.push(neighbour)
      answered()
    },
    failed: answered,
  })
  try {
    const datagram = encodeNeighbourQuestion(question)
    const refusals = await Promise.all(targets.map((one) => sendOnce(modules, one, datagram)))
    if (refusals.every((refusal) => refusal !== undefined)) return []
    await Promise.race([clock.sleep(ANSWER_WITHIN_MS + LATE_MS), first])
    if (found.length > 0) await clock.sleep(GATHER_MS)
  } finally {
    ear.close()
  }
  return inOrder(found, question)
}

/** All are on a link of ours, equally near: who has the pack comes first, and then who answered first. */
function inOrder(found: readonly Neighbour[], { has }: NeighbourQuestion): Neighbour[] {
  const leads = (one: Neighbour) =>
    one.packs.some((name) => versionsOfPack(name)?.from === (has ?? 0))
  return [...found.filter(leads), ...found.filter((one) => !leads(one))]
}

function neighbourOf(
  sockets: Host['sockets'],
  question: NeighbourQuestion,
  datagram: Uint8Array,
  from: Sender,
): Neighbour | undefined {
  const answer = answerIn(datagram)
  if (answer?.nonce !== question.nonce || !suits(question, answer.version)) return undefined
  if (cardOf(sockets, from) === undefined) return undefined
  return { address: from.address, port: answer.port, packs: answer.packs }
}

function nonceOf({ randomBytes }: Host['random']): string {
  return [...randomBytes(8)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
