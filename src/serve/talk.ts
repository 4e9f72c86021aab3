/**
 * A served connection after its handshake: bytes waited for and bytes made as the line takes them, frames with
 * words, and the end of a session that goes wrong. It knows nothing of what is read or sent.
 */
import type { Clock, Sockets } from '../host.ts'
import { Code, Incoming } from '../rsync/incoming.ts'
import { Wire, type WireOptions } from '../rsync/wire.ts'
import { arrayOfBytes, bytesOfArray, show } from '../text.ts'

type Socket = import('native:sockets').Socket

/** What waits to be sent stays below this, and is made in pieces of that size (bytes). */
const WINDOW = 32 * 1024
const PIECE = 16 * 1024
/** How long a client may take to read why it was refused (ms). */
const FAREWELL_MS = 5000
/** Stock clients take no longer text (bytes). */
const WORDS_MAX = 5000

export class Talk {
  readonly wire: Wire
  /** The client said that it gives up. */
  #gaveUp = false

  constructor(
    modules: { sockets: Sockets; clock: Clock },
    options: WireOptions,
    socket: Socket,
    /** What the client says in words. */
    heard: (words: string) => void,
  ) {
    const incoming = new Incoming((code, bytes) => this.#take(code, bytes, heard))
    this.wire = Wire.over(modules, options, incoming, socket)
    this.wire.starting = false
  }

  #take(code: number, bytes: Uint8Array, heard: (words: string) => void): void {
    switch (code) {
      case Code.errorTransfer:
      case Code.error:
      case Code.warning:
        heard(show(bytesOfArray(bytes).trim()))
        return
      case Code.errorExit:
        this.#gaveUp = true
        this.wire.fail(this.wire.broken('the client gave up', 'cut'))
    }
  }

  /** The client has to be given time to look at what it has: nobody waits for us. */
  async think(): Promise<void> {
    const { wire } = this
    const { incoming, patience } = wire
    patience.thinks = wire.drained && incoming.start === incoming.end
    try {
      await wire.wait()
    } finally {
      patience.thinks = false
    }
  }

  /** Reads what `decode` finds; undefined from it: more has to come. */
  async read<Value>(
    decode: (buffer: Uint8Array, start: number, end: number) => Value | undefined,
  ): Promise<Value> {
    const { incoming } = this.wire
    for (;;) {
      const value = decode(incoming.buffer, incoming.start, incoming.end)
      if (value !== undefined) return value
      await this.think()
    }
  }

  /** Marks bytes as used: they were asked for. */
  used(count: number): void {
    const { incoming, patience } = this.wire
    incoming.start += count
    patience.worked(count)
    patience.expect(count)
  }

  /** Sends all that `make` has, as fast as the line takes it. */
  async send(
    make: (buffer: Uint8Array, offset: number, count: number) => number,
    ended: () => boolean,
  ): Promise<void> {
    const { wire } = this
    while (!ended()) {
      await this.room()
      const made = wire.outgoing.fill(PIECE, make)
      wire.patience.expect(made)
      if (made === 0 && !ended()) await wire.turn()
    }
  }

  /** Waits until something more may be sent. */
  async room(): Promise<void> {
    while (this.wire.outgoing.queued >= WINDOW) await this.wire.wait()
  }

  say(code: number, words: string): void {
    const bytes = arrayOfBytes(`${words.slice(0, WORDS_MAX)}\n`)
    this.wire.outgoing.message(code, bytes)
  }

  sayNumber(code: number, value: number): void {
    const bytes = [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24]
    this.wire.outgoing.message(code, bytes)
  }

  /** Waits until the kernel has all of it. */
  async drain(): Promise<void> {
    while (!this.wire.drained) await this.wire.wait()
  }

  /**
   * Lets the client read the last words: a connection that is closed with its bytes unread would take them away.
   */
  async farewell(clock: Clock): Promise<void> {
    const { wire } = this
    if (this.#gaveUp) return
    wire.patience.deadlineMs = clock.monotonicMs() + FAREWELL_MS
    try {
      await this.drain()
      wire.endSending()
      for (;;) {
        wire.incoming.start = wire.incoming.end
        await wire.wait()
      }
    } catch {
      // It has hung up, or takes too long; why it was refused is known already.
    }
  }
}
