/**
 * When the next round is due. Pure: what is random comes in as a number from 0 to 1. Thousands of
 * laptops that were switched on by the same school bell must not ask at the same moment.
 */

/** Whatever a home server says: not so often that it hurts, and not so rarely that a laptop is forgotten. */
const INTERVAL_MIN_SECONDS = 60
const INTERVAL_MAX_SECONDS = 7 * 86_400
/** The first round after a start is made within this time (seconds). */
const START_SPREAD_SECONDS = 300
/** The wait after a first failure; each further one doubles it, up to the interval. */
const RETRY_SECONDS = 300
/** How soon to look again whether a passing reason is over. Nobody is asked for that. */
export const POSTPONED_SECONDS = 600
/** A round that a sleeping laptop missed is made up for within this time. */
export const MISSED_SPREAD_SECONDS = 60

export function afterStart(random: number): number {
  return 5 + random * (START_SPREAD_SECONDS - 5)
}

/** `failures`: rounds in a row in which home or the sources failed. */
export function afterRound(intervalSeconds: number, failures: number, random: number): number {
  const interval = Math.min(Math.max(intervalSeconds, INTERVAL_MIN_SECONDS), INTERVAL_MAX_SECONDS)
  if (failures === 0) return interval * (0.8 + 0.4 * random)
  const retry = RETRY_SECONDS * 2 ** Math.min(failures - 1, 20)
  return Math.min(retry, interval) * (0.5 + random)
}
