/**
 * What is heard at the push's port: pushes, and what neighbours ask and answer. It hears broadcasts and
 * both groups on every network card, and what is sent straight here; so much of it a second as a slow
 * laptop can look at.
 */
import { isSystemError } from '../errors.ts'
import type { Host } from '../host.ts'
import { TokenBucket } from './token-bucket.ts'
import { PUSH_GROUP, PUSH_GROUP_6 } from './upgrade-now.ts'

type Datagram = import('native:sockets').Datagram
export type Sender = import('native:sockets').Address

/** A look at a datagram costs an XO about a millisecond. */
const LOOKS_PER_SECOND = 50
/** The pause while too much comes: the kernel's buffer overflows, and costs us no time (milliseconds). */
const FLOODED_MS = 500
/** How often to look for new network cards (milliseconds). */
const LOOK_AGAIN_MS = 60_000

interface EarOptions {
  port: number
  /** Longer datagrams are dropped (bytes). */
  sizeMax: number
  came(datagram: Uint8Array, from: Sender): void
  /** It hears nothing more: the error of the system that ended it. */
  failed(error: unknown): void
}

export class Ear {
  readonly #modules: Pick<Host, 'sockets' | 'clock'>
  readonly #options: EarOptions
  readonly #looks: TokenBucket
  #open: Datagram[] = []
  #cards = ''
  #closed = false

  /** Throws a SystemError if neither IPv4 nor IPv6 can listen on the port. */
  constructor(modules: Pick<Host, 'sockets' | 'clock'>, options: EarOptions) {
    this.#modules = modules
    this.#options = options
    this.#looks = new TokenBucket(modules.clock, LOOKS_PER_SECOND, LOOKS_PER_SECOND)
    this.#listen()
    void this.#lookAgain()
  }

  close(): void {
    this.#closed = true
    for (const datagram of this.#open) this.#modules.sockets.closeDatagram(datagram)
  }

  #listen(): void {
    const { sockets } = this.#modules
    const { port } = this.#options
    const opened: Datagram[] = []
    let failure: unknown
    for (const [family, host, group] of [
      [4, '0.0.0.0', PUSH_GROUP],
      [6, '::', PUSH_GROUP_6],
    ] as const) {
      // Without a card that can multicast, broadcasts and what is sent straight here are still heard.
      for (const groups of [[group], []]) {
        try {
          opened.push(sockets.openDatagram({ family, host, port, broadcast: false, groups }))
          break
        } catch (error) {
          if (!isSystemError(error)) throw error
          failure = error
        }
      }
    }
    if (opened.length === 0) throw failure
    this.#cards = this.#cardsNow()
    this.#open = opened
    for (const datagram of opened) void this.#hear(datagram).catch((error) => this.#fail(error))
  }

  #cardsNow(): string {
    return JSON.stringify(this.#modules.sockets.interfaces())
  }

  /** Groups are joined on the cards that are there: when the cards change, everything is opened again. */
  async #lookAgain(): Promise<void> {
    const { clock, sockets } = this.#modules
    for (;;) {
      await clock.sleep(LOOK_AGAIN_MS)
      if (this.#closed) return
      if (this.#cardsNow() === this.#cards) continue
      for (const datagram of this.#open) sockets.closeDatagram(datagram)
      try {
        this.#listen()
      } catch (error) {
        this.#fail(error)
        return
      }
    }
  }

  async #hear(datagram: Datagram): Promise<void> {
    const { sockets, clock } = this.#modules
    const buffer = new Uint8Array(this.#options.sizeMax)
    for (;;) {
      if (!this.#looks.take()) {
        await clock.sleep(FLOODED_MS)
        continue
      }
      try {
        const { length, from } = await sockets.receiveDatagram(datagram, buffer, LOOK_AGAIN_MS)
        if (length <= buffer.length) this.#options.came(buffer.slice(0, length), from)
      } catch (error) {
        if (!isSystemError(error)) throw error
        if (error.code === 'ECANCELED') return
        if (error.code !== 'ETIMEDOUT') await clock.sleep(FLOODED_MS)
      }
    }
  }

  #fail(error: unknown): void {
    this.close()
    this.#options.failed(error)
  }
}
