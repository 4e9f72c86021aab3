/**
 * Which times a file system can hold. One that it can't is as it should be where it is as near as can be:
 * an ext4 with small inodes keeps whole seconds up to 2038, and is no reason to refuse a release.
 */
import type { DiskTimes } from 'native:files'
import type { Time } from './host.ts'

export type { DiskTimes }

const SECOND = 1_000_000_000
/** As `native:files` says it of a disk that has no end of its own (seconds). */
export const FAR_SECONDS = 2 ** 40

export const EVERY_TIME: DiskTimes = {
  granularityNanoseconds: 1,
  earliestSeconds: -FAR_SECONDS,
  latestSeconds: FAR_SECONDS,
}

/** Of a disk that can't be tried, since it takes no changes: seconds are what all have. */
export const UNKNOWN_TIMES: DiskTimes = { ...EVERY_TIME, granularityNanoseconds: SECOND }

/** Whether `found` is what the disk makes of `wanted`; the same rule as disk-times.c. */
export function timeMatches(times: DiskTimes, found: Time, wanted: Time): boolean {
  if (isSame(found, wanted) || isSame(found, held(times, wanted))) return true
  const { seconds } = wanted
  const outside = seconds > times.latestSeconds || seconds < times.earliestSeconds
  return outside && found.seconds >>> 0 === seconds >>> 0
}

const isSame = (one: Time, other: Time) =>
  one.seconds === other.seconds && one.nanoseconds === other.nanoseconds

function held(times: DiskTimes, { seconds, nanoseconds }: Time): Time {
  const { granularityNanoseconds: step, earliestSeconds, latestSeconds } = times
  if (seconds >= latestSeconds) return { seconds: latestSeconds, nanoseconds: 0 }
  if (seconds <= earliestSeconds) return { seconds: earliestSeconds, nanoseconds: 0 }
  if (step < SECOND) return { seconds, nanoseconds: nanoseconds - (nanoseconds % step) }
  return { seconds: seconds - (seconds % (step / SECOND)), nanoseconds: 0 }
}

/** What there is to say of it; undefined if the disk holds whatever a release may have. */
export function limitsOfTimes(times: DiskTimes): string | undefined {
  const { granularityNanoseconds: step, earliestSeconds, latestSeconds } = times
  const says: string[] = []
  if (step > 1) says.push(`in steps of ${step >= SECOND ? `${step / SECOND} s` : `${step} ns`}`)
  const year = (seconds: number) => new Date(seconds * 1000).getUTCFullYear()
  if (latestSeconds < 2 ** 32) says.push(`up to ${year(latestSeconds)}`)
  if (earliestSeconds > -(2 ** 31)) says.push(`from ${year(earliestSeconds)}`)
  return says.length === 0
    ? undefined
    : `keeps times ${says.join(', ')}; equal as far as it keeps them`
}
