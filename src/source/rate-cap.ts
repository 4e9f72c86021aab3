/** How fast the line may be used: a cap, and other caps for parts of the day. */
import { type HourWindow, isWithin } from '../hours.ts'

export interface RateCap {
  /** KiB per second, as rsync's `--bwlimit` counts; 0: none. */
  kibPerSecond: number
  /** The first one whose hours these are takes precedence over the cap above. */
  byHours: { hours: HourWindow; kibPerSecond: number }[]
}

/** Bytes per second at a minute of the day; 0: no cap. */
export function capAt({ kibPerSecond, byHours }: RateCap, minute: number): number {
  const special = byHours.find(({ hours }) => isWithin(minute, hours))
  return (special?.kibPerSecond ?? kibPerSecond) * 1024
}
