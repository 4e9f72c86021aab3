/**
 * The bytes that wait to be sent, in their frames. A writer asks `queued` first and stops at the
 * window; nothing here waits. Two buffers take turns: one is filled while the other is written.
 */

/** Stock rsync's own frames stay below this, and so do ours (bytes). */
const FRAME_LENGTH_MAX = 32 * 1024
const CAPACITY_MIN = 64 * 1024
/** Header of a data frame: 24 bits of length, then 7 + 0. */
const DATA_CODE = 7

export class Outgoing {
  buffer = new Uint8Array(CAPACITY_MIN)
  /** Where the next byte goes; a writer that called `open` moves it. */
  at = 0
  #spare = new Uint8Array(CAPACITY_MIN)
  #framed = false
  /** Where the open frame's header is, or -1. */
  #frameAt = -1

  /** Bytes that wait in the buffer being filled. */
  get queued(): number {
    return this.at
  }

  beginFrames(): void {
    this.#framed = true
  }

  /** Leaves the frames (file names of protocol 30) until `beginFrames`. */
  endFrames(): void {
    this.#closeFrame()
    this.#framed = false
  }

  /** Makes room for `count` bytes at `at`, inside a frame where frames are used. */
  open(count: number): void {
    if (this.#frameAt >= 0 && this.at - this.#frameAt - 4 + count > FRAME_LENGTH_MAX) {
      this.#closeFrame()
    }
    const needed = this.at + count + 4
    if (needed > this.buffer.length) {
      const larger = new Uint8Array(Math.max(needed, this.buffer.length * 2))
      larger.set(this.buffer.subarray(0, this.at))
      this.buffer = larger
    }
    if (this.#framed && this.#frameAt < 0) {
      this.#frameAt = this.at
      this.at += 4
    }
  }

  bytes(array: ArrayLike<number>): void {
    const pieces = array instanceof Uint8Array ? array : Uint8Array.from(array)
    for (let done = 0; done < pieces.length; ) {
      const count = Math.min(pieces.length - done, FRAME_LENGTH_MAX)
      this.open(count)
      this.buffer.set(pieces.subarray(done, done + count), this.at)
      this.at += count
      done += count
    }
  }

  /** A byte string of at most a path's length, and `terminator` after it where it is given. */
  text(bytes: string, terminator?: number): void {
    const { length } = bytes
    this.open(length + 1)
    const { buffer } = this
    let at = this.at
    for (let i = 0; i < length; i++) buffer[at++] = bytes.charCodeAt(i)
    if (terminator !== undefined) buffer[at++] = terminator
    this.at = at
  }

  /** Lets somebody write up to `count` bytes in place; returns how many it wrote. */
  fill(
    count: number,
    write: (buffer: Uint8Array, offset: number, count: number) => number,
  ): number {
    this.open(count)
    const written = write(this.buffer, this.at, count)
    this.at += written
    if (written === 0 && this.#frameAt === this.at - 4) {
      // An empty frame would be a keep-alive.
      this.at = this.#frameAt
      this.#frameAt = -1
    }
    return written
  }

  /** A frame that is no data: words, or what we say of our own state. */
  message(code: number, bytes: ArrayLike<number>): void {
    this.#closeFrame()
    const { length } = bytes
    this.open(length)
    this.#frameAt = -1
    this.buffer.set([length & 0xff, length >> 8, 0, DATA_CODE + code], this.at - 4)
    this.buffer.set(bytes, this.at)
    this.at += length
  }

  /** An empty data frame, which says that we are alive. */
  keepAlive(): void {
    this.open(0)
  }

  /** Hands over what waits, and goes on in the other buffer. The result is valid until the next `take`. */
  take(): Uint8Array {
    this.#closeFrame()
    const full = this.buffer.subarray(0, this.at)
    const filled = this.buffer
    this.buffer = this.#spare
    this.#spare = filled
    this.at = 0
    return full
  }

  #closeFrame(): void {
    const header = this.#frameAt
    if (header < 0) return
    const length = this.at - header - 4
    const { buffer } = this
    buffer[header] = length & 0xff
    buffer[header + 1] = (length >> 8) & 0xff
    buffer[header + 2] = length >> 16
    buffer[header + 3] = DATA_CODE
    this.#frameAt = -1
  }
}
