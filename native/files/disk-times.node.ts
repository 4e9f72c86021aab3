/**
 * Which times a file system can hold: the Node side of disk-times.c. It tries a file that it makes and
 * removes, and must leave nothing behind.
 */
import { randomUUID } from 'node:crypto'
import { type DiskTimes, FAR_SECONDS } from '../../src/disk-times.ts'
import { isSystemError } from '../../src/errors.ts'
import type { Fd, Time } from '../../src/host.ts'
import * as glibc from './glibc.node.ts'
import { openBeneath } from './paths.node.ts'

const SECOND = 1_000_000_000
const ENDS = [15032385534, 4294967294, 2147483646]
const STARTS = [-2147483648, 0]

export function diskTimes(directory: Fd): DiskTimes {
  const path = `.probe-${randomUUID()}`
  const fd = openBeneath(directory, path, 2 | glibc.O_CREAT | glibc.O_EXCL, 0o600)
  const place = { directory, name: glibc.cString(path), path }
  const becomes = (time: Time): Time | undefined => {
    try {
      glibc.setModified(place, time)
      return glibc.statHandle(fd).modified
    } catch (error) {
      if (isSystemError(error)) return undefined
      throw error
    }
  }
  try {
    return {
      granularityNanoseconds: granularityBy(becomes),
      latestSeconds: endBy(becomes, FAR_SECONDS, ENDS),
      earliestSeconds: endBy(becomes, -FAR_SECONDS, STARTS),
    }
  } finally {
    glibc.close(fd)
    glibc.remove(place, 0)
  }
}

type Becomes = (time: Time) => Time | undefined

function granularityBy(becomes: Becomes): number {
  const odd = { seconds: 1000000001, nanoseconds: 123456789 }
  const found = becomes(odd)
  if (!found) return SECOND
  if (found.seconds !== odd.seconds) return 2 * SECOND
  for (let step = 1; step < SECOND; step *= 10) {
    if (odd.nanoseconds - (odd.nanoseconds % step) === found.nanoseconds) return step
  }
  return SECOND
}

function endBy(becomes: Becomes, far: number, known: number[]): number {
  const holds = (seconds: number) => becomes({ seconds, nanoseconds: 0 })?.seconds === seconds
  if (holds(far)) return far
  const end = becomes({ seconds: far, nanoseconds: 0 })?.seconds
  if (end !== undefined && holds(end) && !holds(end + Math.sign(far) * 2)) return end
  return known.find(holds) ?? (known.at(-1) as number)
}
