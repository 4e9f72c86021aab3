/**
 * What the log of calls tells about all laptops: who runs what, who is behind, who rolled back, who
 * was silent. Reads the log once from start to end; a line torn by a power cut is skipped.
 */

import { isSerial } from '../call-home/reply.ts'
import { isSystemError } from '../errors.ts'
import type { Checksums, Fd, Files, Path } from '../host.ts'
import { CALL_LINE_MAX, INSTANT_MAX_SECONDS } from '../limits.ts'
import { addReceived, isOrigin, ORIGINS, type Origin, type Received } from '../origin.ts'
import { isAudience } from '../release/fields.ts'
import { bytesOfArray, textOfBytes } from '../text.ts'
import { answer } from './answer.ts'
import { HomeFolder, LOG_FILE, openFolder } from './folder.ts'

/** What a laptop said last. */
interface Call {
  /** Seconds since 1970. */
  time: number
  serial: string
  hardware: string
  deployment: string
  installed?: number
  trial?: number
  bad: number[]
  outcome?: string
  code?: string
  brought?: { version: number; origin: Origin }
  received?: Received
}

export interface FleetLaptop extends Call {
  /** The version that it would be told to run now; undefined: none. */
  wanted: number | undefined
  behind: boolean
  stolen: boolean
  silentDays: number
}

interface Fleet {
  laptops: FleetLaptop[]
  /** All bytes that the laptops were ever sent, by where they came from. */
  received: Received
  /** Lines of the log that are not calls. */
  skipped: number
}

const PIECE = 64 * 1024

export function readFleet(
  modules: { files: Files; checksums: Checksums },
  path: Path,
  now: number,
): Fleet {
  const { files, checksums } = modules
  const folder = new HomeFolder(files, path)
  const directory = openFolder(files, path)
  try {
    const { policy } = folder
    const { last, skipped } = lastCalls(files, directory)
    const laptops = [...last.values()].map((call) => {
      // The nonce is part of every answer, and says nothing here.
      const question = { nonce: '0'.repeat(32), installed: undefined, trial: undefined }
      const asked = { ...question, outcome: undefined, code: undefined, ...call }
      const { version: wanted, stolen } = answer(checksums, asked, policy, now)
      const behind = wanted !== undefined && (call.installed ?? 0) < wanted
      const silentDays = Math.max(0, (now - call.time) / 86_400)
      return { ...call, wanted, behind, stolen, silentDays }
    })
    laptops.sort((a, b) => (a.serial < b.serial ? -1 : 1))
    const received = laptops.reduce(
      (sum: Received, laptop) => addReceived(sum, laptop.received ?? {}),
      {},
    )
    return { laptops, received, skipped }
  } finally {
    files.close(directory)
    folder.close()
  }
}

function lastCalls(files: Files, directory: Fd): { last: Map<string, Call>; skipped: number } {
  const last = new Map<string, Call>()
  let skipped = 0
  for (const line of linesOf(files, directory)) {
    const call = callOf(line)
    if (call) last.set(call.serial, call)
    else skipped++
  }
  return { last, skipped }
}

/** The lines of the log as byte strings, a piece at a time. */
function* linesOf(files: Files, directory: Fd): Generator<string> {
  let fd: Fd
  try {
    fd = files.openRead(directory, LOG_FILE)
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return
    throw error
  }
  try {
    const buffer = new Uint8Array(PIECE)
    let rest = ''
    for (;;) {
      const count = files.read(fd, buffer, 0, PIECE)
      if (count === 0) break
      const lines = (rest + bytesOfArray(buffer.subarray(0, count))).split('\n')
      rest = (lines.pop() ?? '').slice(0, CALL_LINE_MAX)
      yield* lines
    }
    if (rest !== '') yield rest
  } finally {
    files.close(fd)
  }
}

function callOf(line: string): Call | undefined {
  let value: unknown
  try {
    value = JSON.parse(textOfBytes(line) ?? '')
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { time, serial, hardware, deployment, bad = [] } = value as Unproved
  const { installed, trial, outcome, code } = value as Unproved
  if (
    !isCount(time) ||
    time > INSTANT_MAX_SECONDS ||
    typeof serial !== 'string' ||
    !isSerial(serial)
  )
    return undefined
  if (![hardware, deployment].every((name) => typeof name === 'string' && isAudience(name)))
    return undefined
  if (!Array.isArray(bad) || !bad.every(isCount)) return undefined
  if (![installed, trial].every((version) => version === undefined || isCount(version)))
    return undefined
  if (![outcome, code].every((word) => word === undefined || typeof word === 'string'))
    return undefined
  const origins = { brought: broughtIn(value as Unproved), received: receivedIn(value as Unproved) }
  return {
    time,
    serial,
    hardware,
    deployment,
    installed,
    trial,
    bad,
    outcome,
    code,
    ...origins,
  } as Call
}

function broughtIn({ brought }: Unproved): Call['brought'] {
  const { version, origin } = (brought ?? {}) as { version?: unknown; origin?: unknown }
  return isCount(version) && isOrigin(origin) ? { version, origin } : undefined
}

function receivedIn({ received }: Unproved): Received {
  const counts = (received ?? {}) as Record<string, unknown>
  return Object.fromEntries(
    ORIGINS.flatMap((origin) => (isCount(counts[origin]) ? [[origin, counts[origin]]] : [])),
  )
}

/** Whatever stands in the log under the names of a call. */
type Unproved = { [Key in keyof Call]?: unknown }

const isCount = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0
