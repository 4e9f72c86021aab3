/**
 * How old the newest word is that this device has of the world outside. Whoever keeps home and new
 * releases from a laptop leaves no other trace; so that it stands still is said. Pure, and no verdict:
 * the laptop's own clock has a say here, because nothing is refused by it.
 */
import { formatInstant } from '../release/fields.ts'
import { type State, signedSeconds } from '../store/state.ts'

interface Freshness {
  /** Whose word it is: home's answer, or only the date of the newest release; neither: `nobody`. */
  by: 'home' | 'release' | 'nobody'
  /** Undefined: there is none. */
  since: string | undefined
  /** As far as the laptop can tell: by its clock, and at least as long as it ran. */
  days: number
  /** As many as are allowed, or more. */
  stale: boolean
}

const DAY_SECONDS = 86_400

/** `staleDays` 0: nothing is ever too old. */
export function freshnessOf(
  state: Pick<State, 'home' | 'trustedSeconds' | 'newestRelease' | 'ranSeconds'>,
  wallSeconds: number,
  staleDays: number,
): Freshness {
  const heard = state.home !== undefined && state.trustedSeconds > 0
  const seconds = heard ? state.trustedSeconds : signedSeconds(state)
  if (seconds === 0) return { by: 'nobody', since: undefined, days: 0, stale: false }
  const age = Math.max(wallSeconds - seconds, heard ? state.ranSeconds : 0, 0)
  const days = Math.floor(age / DAY_SECONDS)
  const stale = staleDays > 0 && days >= staleDays
  return { by: heard ? 'home' : 'release', since: formatInstant(seconds), days, stale }
}

/** For people. */
export function freshnessSentence({ by, since, days }: Freshness): string {
  if (since === undefined) return 'nobody was ever heard'
  const ago = days === 1 ? '1 day ago' : `${days} days ago`
  if (by === 'home') return `home answered last at ${since}, ${ago}`
  return `home never answered, and the newest release is of ${since}, ${ago}`
}

/** Where nobody fresh was heard for too long: what to say unasked. */
export function staleWarning(freshness: Freshness): string | undefined {
  if (!freshness.stale) return undefined
  const { since, days } = freshness
  return `Nobody fresh was heard since ${since}, for ${days} days: what is newer may be kept from this laptop.`
}
