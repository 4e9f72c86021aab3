/** Bytes put together, and drained piece by piece, on the Node side of `native:sending`. */

export function join(...parts: ArrayLike<number>[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

export function windowOf(buffer: Uint8Array, offset: number, length: number): Uint8Array {
  if (offset < 0 || length < 0 || offset + length > buffer.length) {
    throw new RangeError('offset and length lie outside the buffer')
  }
  return buffer.subarray(offset, offset + length)
}

/** What a generator makes, taken in pieces of the taker's size. */
export class Drain {
  private held = new Uint8Array(0)
  private done = false

  constructor(private readonly source: Iterator<Uint8Array>) {
    this.look()
  }

  get ended(): boolean {
    return this.done && this.held.length === 0
  }

  /** Fills as much of the window as there is. */
  take(window: Uint8Array): number {
    let written = 0
    while (written < window.length && !this.ended) {
      const piece = this.held.subarray(0, window.length - written)
      window.set(piece, written)
      written += piece.length
      this.held = this.held.subarray(piece.length)
      this.look()
    }
    return written
  }

  private look(): void {
    while (this.held.length === 0 && !this.done) {
      const next = this.source.next()
      if (next.done) this.done = true
      else this.held = new Uint8Array(next.value)
    }
  }
}
