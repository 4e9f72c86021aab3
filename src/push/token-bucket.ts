/** A limit on the work done per second, however much of it comes. */
import type { Clock } from '../host.ts'

export class TokenBucket {
  #tokens: number
  #filledMs: number

  /** `burst` at once, and then this many per second. */
  constructor(
    readonly clock: Pick<Clock, 'monotonicMs'>,
    readonly perSecond: number,
    readonly burst: number,
  ) {
    this.#tokens = burst
    this.#filledMs = clock.monotonicMs()
  }

  take(): boolean {
    const nowMs = this.clock.monotonicMs()
    const grown = ((nowMs - this.#filledMs) / 1000) * this.perSecond
    this.#tokens = Math.min(this.burst, this.#tokens + grown)
    this.#filledMs = nowMs
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}
