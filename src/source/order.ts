/**
 * Whom to ask next, and how long to wait when it is nobody's turn: the field upgrade proposal's
 * order, as pure functions. The school server first; where it is there but lacks the version, wait
 * and ask it again; then upstream; then wait and begin again. Neighbours have the version before the
 * school server or after it; which version is the newest is nothing to ask them, as long as others can say.
 */
import type { Wait } from '../store/state.ts'

export type SourceRole = 'neighbour' | 'school' | 'upstream'

export const PEERS_WORDS = ['before-school', 'after-school', 'off'] as const
export type PeersWord = (typeof PEERS_WORDS)[number]

/** What decides when it is the neighbours' turn. */
export interface NeighboursTurn {
  peers: PeersWord
  /** The version that is wanted is known. */
  known: boolean
  /** They were asked in this round: those that answered are candidates. */
  asked: boolean
}

const NO_NEIGHBOURS: NeighboursTurn = { peers: 'off', known: false, asked: false }

export interface Candidate {
  role: SourceRole
  /** It misbehaved a while ago: it is asked when nobody else is left. */
  setAside: boolean
  /**
   * The result of asking it in this round. `lacks`: it is there, and can't serve this now. `away`: it
   * is not there, or says no. `bad`: it broke the protocol, served bad bytes, or stalled.
   */
  outcome: 'untried' | 'serving' | 'lacks' | 'away' | 'bad'
}

/** What an error says about a source. */
export type SourceFault = 'lacks' | 'away' | 'bad' | 'cut'

/** More are not counted: the wait grows no longer. */
const WAITS_MAX = 999

export interface Patience {
  /** Waits in a row for a school server that lacks the version, before upstream is asked. */
  schoolTries: number
  /** The first wait, which doubles with each further one, and the longest. */
  firstSeconds: number
  longestSeconds: number
}

/** About two hours of patience with a school server that is still mirroring. */
export const PATIENCE: Patience = { schoolTries: 6, firstSeconds: 120, longestSeconds: 6 * 3600 }

/** A load balancer has another server behind the same address; more cuts in one round are no accident. */
const RECONNECTIONS_MAX = 3

/**
 * What happens to a failed candidate. One whose connection was cut while it served is asked again at
 * once, a few times. A neighbour's is a lid that was closed: the next one goes on.
 */
export function outcomeOf(
  fault: SourceFault,
  { role, outcome }: Pick<Candidate, 'role' | 'outcome'>,
  cuts: number,
): Candidate['outcome'] {
  if (fault !== 'cut') return fault
  if (role === 'neighbour') return 'away'
  return outcome === 'serving' && cuts <= RECONNECTIONS_MAX ? 'serving' : 'bad'
}

/**
 * The candidate to ask, by its index; or to ask who of the neighbours is one; or to wait: for the school
 * server, or because all failed.
 */
type Move = number | 'ask-neighbours' | 'wait-for-school' | 'wait'

/** `tries`: how many waits for the school server there were in a row. Candidates of a role are in the order to try them. */
export function nextMove(
  candidates: readonly Candidate[],
  tries: number,
  { schoolTries }: Pick<Patience, 'schoolTries'>,
  { peers, known, asked }: NeighboursTurn = NO_NEIGHBOURS,
): Move {
  const find = (wanted: (candidate: Candidate) => boolean) => candidates.findIndex(wanted)
  const fresh = (role: SourceRole) =>
    find((one) => one.role === role && one.outcome === 'untried' && !one.setAside)
  const neighbour = (): Move => (asked ? fresh('neighbour') : 'ask-neighbours')
  const isFirst = peers === 'before-school' && known
  const moves: (() => Move)[] = [
    () => find(({ role, outcome }) => role === 'neighbour' && outcome === 'serving'),
    // They bring what the school server said is the newest.
    ...(isFirst ? [neighbour] : []),
    () => find(({ outcome }) => outcome === 'serving'),
    () => fresh('school'),
    ...(isFirst || peers === 'off' ? [] : [neighbour]),
    () => {
      const lacking = find(({ role, outcome }) => role === 'school' && outcome === 'lacks')
      return lacking >= 0 && tries < schoolTries ? 'wait-for-school' : NOBODY
    },
    () => fresh('upstream'),
    () => find(({ role, outcome }) => role !== 'neighbour' && outcome === 'untried'),
  ]
  for (const move of moves) {
    const next = move()
    if (next !== NOBODY) return next
  }
  return 'wait'
}

/** As an index. */
const NOBODY = -1

/**
 * The wait that follows a move. After one that all sources failed the order begins again, with as much
 * patience for the school server as at first. `random` is from 0 to 1 and spreads a school's laptops
 * over the second half of the time, so that they don't all come back at once.
 */
export function nextWait(
  move: 'wait-for-school' | 'wait',
  before: Pick<Wait, 'tries' | 'failures'> | undefined,
  now: { seconds: number; random: number },
  { firstSeconds, longestSeconds }: Pick<Patience, 'firstSeconds' | 'longestSeconds'>,
): Wait {
  const { tries, failures } = before ?? { tries: 0, failures: 0 }
  const forSchool = move === 'wait-for-school'
  const doublings = Math.min(forSchool ? tries : failures, 30)
  const full = Math.min(firstSeconds * 2 ** doublings, longestSeconds)
  const begun = Math.floor(now.seconds)
  const until = begun + Math.ceil(full * (0.5 + now.random / 2))
  return forSchool
    ? { tries: tries + 1, failures, begun, until }
    : { tries: 0, failures: Math.min(failures + 1, WAITS_MAX), begun, until }
}

/** Seconds until the next try is due; 0: it is due. A wall clock that went back ends the wait. */
export function secondsLeft(
  wait: Pick<Wait, 'begun' | 'until'> | undefined,
  nowSeconds: number,
): number {
  if (!wait || nowSeconds < wait.begun || nowSeconds >= wait.until) return 0
  return wait.until - nowSeconds
}
