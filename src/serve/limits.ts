/**
 * How much is served, and when: modest on a laptop, which somebody works at, and more on a school's server,
 * which is there for it. Pure.
 */
import { type HourWindow, isWithin } from '../hours.ts'

export interface ServeLimits {
  /** Clients at once; all others are told to come later. */
  clients: number
  /** Of all clients together; 0: no cap. */
  bytesPerSecond: number
  /** Undefined: at any time. */
  hours: HourWindow | undefined
  onBattery: boolean
}

/** A quarter of what a slow mesh carries, so that the others and the laptop's own user have the rest. */
export const LAPTOP_LIMITS = { clients: 3, bytesPerSecond: 250_000 }
/** A class and a half; memory is what the number costs. */
export const SCHOOL_LIMITS = { clients: 40, bytesPerSecond: 0 }

/** What the machine is like at the moment. */
export interface ServeFacts {
  /** Names of the files in `inhibit.d`. */
  inhibitors: readonly string[]
  onBattery: boolean
  minute: number
  /** Somebody has the trees: an upgrade, a swap, a check. */
  isAtWork: boolean
}

/** Why nobody is served now; undefined: everybody is. */
export function objection(
  { hours, onBattery }: Pick<ServeLimits, 'hours' | 'onBattery'>,
  facts: ServeFacts,
): string | undefined {
  if (facts.isAtWork) return 'it is at work on its own system'
  const [first] = facts.inhibitors
  if (first !== undefined) return `the file "${first}" in inhibit.d holds it back`
  if (facts.onBattery && !onBattery) return 'it runs on its battery'
  if (hours && !isWithin(facts.minute, hours)) return 'it serves at other hours'
  return undefined
}
