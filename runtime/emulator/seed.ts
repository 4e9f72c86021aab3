/**
 * All chance in one run: streams of numbers that grow from one seed. Streams with different names do
 * not disturb each other, so a shape of the network leaves the laptop's random bytes as they are.
 */
import type { Random } from '../../src/host.ts'

/** Chris Doty-Humphrey's sfc32, of the public domain: small, fast, and alike everywhere. */
export class Seeded {
  private a: number
  private b: number
  private c = 0x9e3779b9
  private counter = 1

  constructor(seed: number, stream: string) {
    this.a = seed >>> 0
    this.b = Math.floor(seed / 2 ** 32) >>> 0
    for (const unit of stream) this.c = (Math.imul(this.c, 31) + unit.charCodeAt(0)) >>> 0
    for (let i = 0; i < 16; i++) this.next()
  }

  /** A whole number of 32 bits. */
  next(): number {
    const sum = (this.a + this.b + this.counter) >>> 0
    this.counter = (this.counter + 1) >>> 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) >>> 0
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) >>> 0
    return sum
  }

  /** A fraction from 0 to below 1. */
  fraction(): number {
    return this.next() / 2 ** 32
  }
}

export function seededRandom(seed: number): Random {
  const numbers = new Seeded(seed, 'random')
  return {
    randomBytes(length) {
      if (!Number.isInteger(length) || length < 0) throw new RangeError('the length is not a count')
      return Uint8Array.from({ length }, () => numbers.next() >>> 24)
    },
  }
}
