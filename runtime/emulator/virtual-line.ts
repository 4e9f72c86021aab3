/**
 * The line of the virtual network: how long bytes are under way, how many pass a second, and at which
 * byte the connection is lost. All of it by the virtual clock and one seed.
 */
import { SeededRandom } from './random.ts'
import type { VirtualClock } from './virtual-clock.ts'

export interface Shape {
  /** How long a byte is under way, each way. */
  latencyMs: number
  /** Each way; undefined: no limit. */
  bytesPerSecond: number | undefined
  /** The connection is reset, once, when that many bytes have come to the laptop over all connections. */
  cutAfter: number | undefined
  /** From that byte on nothing passes on this connection, in either direction, and nobody is told. */
  stallAfter: number | undefined
}

export const UNSHAPED: Shape = {
  latencyMs: 0,
  bytesPerSecond: undefined,
  cutAfter: undefined,
  stallAfter: undefined,
}

/** The share of the latency that chance may add. */
const JITTER_SHARE = 0.1

/** One direction of the line, which all connections share. */
class Direction {
  private freeAtMs = 0
  private lastDueMs = 0

  constructor(private readonly line: VirtualLine) {}

  /** Bytes that are sent now: when the line has taken them, and when the last of them is through. */
  send(length: number): { takenMs: number; dueMs: number } {
    const { clock, shape, numbers } = this.line
    const now = clock.nowMs()
    if (shape.latencyMs === 0 && shape.bytesPerSecond === undefined) {
      return { takenMs: now, dueMs: now }
    }
    const perByteMs = shape.bytesPerSecond === undefined ? 0 : 1000 / shape.bytesPerSecond
    this.freeAtMs = Math.max(now, this.freeAtMs) + length * perByteMs
    const jitter = 1 + numbers.fraction() * JITTER_SHARE
    // Nothing overtakes.
    this.lastDueMs = Math.max(this.lastDueMs, this.freeAtMs + shape.latencyMs * jitter)
    return { takenMs: this.freeAtMs, dueMs: this.lastDueMs }
  }
}

export class VirtualLine {
  /** Bytes that reached the laptop, and that it sent. */
  received = 0
  sent = 0
  /** What the shape did to the run, for people. */
  readonly events: string[] = []
  readonly numbers: SeededRandom
  readonly down = new Direction(this)
  readonly up = new Direction(this)
  private cut = false

  constructor(
    readonly clock: VirtualClock,
    readonly shape: Shape,
    seed: number,
  ) {
    this.numbers = new SeededRandom(seed, 'network')
  }

  /**
   * Counts bytes that are about to come down: how many of them still pass, and what happens then.
   */
  admit(length: number): { pass: number; then: 'more' | 'cut' | 'stall' } {
    const { cutAfter, stallAfter } = this.shape
    const before = this.received
    const reached = (limit: number | undefined): limit is number =>
      limit !== undefined && !this.cut && before + length >= limit
    const then = reached(cutAfter) ? 'cut' : reached(stallAfter) ? 'stall' : 'more'
    if (then === 'more') {
      this.received += length
      return { pass: length, then }
    }
    const limit = (then === 'cut' ? cutAfter : stallAfter) as number
    this.cut = true
    this.received = Math.max(before, limit)
    this.events.push(`${then === 'cut' ? 'cut' : 'stalled'} after byte ${this.received}`)
    return { pass: this.received - before, then }
  }
}
