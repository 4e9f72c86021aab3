/**
 * A cap on what is received: a bucket of bytes that fills at the allowed rate. A reader asks how much
 * it may take, and how long to pause first; the peer's silence is not judged in the meantime.
 */

/** What may come at once after a pause, as a part of a second's bytes, and the least of it (bytes). */
const BURST_SECONDS = 0.25
const BURST_MIN = 2048
/** Smaller reads would cost more than they smooth. */
const READ_MIN = 1024
/** A schedule by the hour is looked at this often (ms). */
const LOOK_EVERY_MS = 1000

export class Pace {
  #bytes = BURST_MIN
  #filledMs = Number.NEGATIVE_INFINITY
  #rate = 0
  #lookedMs = Number.NEGATIVE_INFINITY

  /** `bytesPerSecond` is asked now and then; 0: no cap. */
  constructor(readonly bytesPerSecond: () => number) {}

  /** How long to pause before the next read (ms); 0: it may be done now. */
  pauseMs(nowMs: number): number {
    this.#fill(nowMs)
    if (this.#rate === 0 || this.#bytes >= READ_MIN) return 0
    return Math.ceil(((READ_MIN - this.#bytes) * 1000) / this.#rate)
  }

  /** How many bytes the next read may bring. */
  allowance(nowMs: number): number {
    this.#fill(nowMs)
    return this.#rate === 0 ? Number.POSITIVE_INFINITY : Math.max(READ_MIN, Math.floor(this.#bytes))
  }

  used(count: number): void {
    if (this.#rate > 0) this.#bytes -= count
  }

  #fill(nowMs: number): void {
    if (nowMs - this.#lookedMs >= LOOK_EVERY_MS) {
      this.#rate = this.bytesPerSecond()
      this.#lookedMs = nowMs
    }
    const burst = Math.max(BURST_MIN, this.#rate * BURST_SECONDS)
    const passedMs = Math.max(0, nowMs - this.#filledMs)
    this.#filledMs = nowMs
    if (this.#rate === 0) this.#bytes = BURST_MIN
    else this.#bytes = Math.min(burst, this.#bytes + (passedMs * this.#rate) / 1000)
  }
}
