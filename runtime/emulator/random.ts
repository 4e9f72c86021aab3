/**
 * Numbers that look random and are a function of their seed: the same on every machine. Streams with
 * different names do not disturb each other, so a shape of the network leaves the laptop's random bytes
 * as they are.
 */

export class SeededRandom {
  #state: number

  constructor(seed: number, stream = '') {
    let name = 0
    for (const unit of stream) name = (Math.imul(name, 31) + unit.charCodeAt(0)) >>> 0
    this.#state = (seed ^ name) >>> 0
  }

  /** A whole number of 32 bits. (mulberry32.) */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }

  /** 0 ≤ x < 1. */
  fraction(): number {
    return this.next() / 2 ** 32
  }

  /** A whole number, 0 ≤ n < limit. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit)
  }

  bytes(length: number): Uint8Array {
    if (!Number.isInteger(length) || length < 0) throw new RangeError('the length is not a count')
    return new Uint8Array(length).map(() => this.next() >>> 24)
  }
}
