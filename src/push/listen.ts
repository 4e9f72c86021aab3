/**
 * Hears pushes, by broadcast and multicast, and passes on the valid ones as hints. Anybody in reach can
 * send here: cheap checks come before a signature is looked at, the number of both per second is
 * limited, and nothing is answered, kept or logged except a valid push.
 */
import { isSystemError, TrustError } from '../errors.ts'
import type { Host } from '../host.ts'
import { PUSH_SIZE_MAX } from '../limits.ts'
import type { PublicKey } from '../release/signify.ts'
import { TokenBucket } from './token-bucket.ts'

export type { PushSituation } from './upgrade-now.ts'

import {
  concerns,
  openUpgradeNow,
  PUSH_GROUP,
  PUSH_GROUP_6,
  type PushSituation,
  type UpgradeNow,
} from './upgrade-now.ts'

type Datagram = import('native:sockets').Datagram

/** A look at a datagram costs an XO about a millisecond, a signature some twenty. */
const LOOKS_PER_SECOND = 50
const SIGNATURES_PER_SECOND = 2
const BURST = 4
/** The pause while too much comes: the kernel's buffer overflows, and costs us no time (milliseconds). */
const FLOODED_MS = 500
/** How often to look for new network cards (milliseconds). */
const LOOK_AGAIN_MS = 60_000

interface PushListenerOptions {
  port: number
  keys: readonly PublicKey[]
  /** The state at the time a push comes. */
  situation(): PushSituation
  /** A round follows a push within this many seconds, at random: a school must not ask all at once. */
  spreadSeconds: number
}

/** What the daemon takes as a source of hints (src/daemon). */
export interface PushHint {
  reason: string
  withinSeconds: number
  push: UpgradeNow
}

export class PushListener {
  readonly #modules: Pick<Host, 'sockets' | 'clock'>
  readonly #options: PushListenerOptions
  readonly #looks: TokenBucket
  readonly #signatures: TokenBucket
  #open: Datagram[] = []
  #cards = ''
  #closed = false
  /** The newest valid push: tells its replays from new ones before the state is written. */
  #lastIssued = 0
  #waiting: { resolve(hint: PushHint): void; reject(error: unknown): void } | undefined
  #ready: PushHint | undefined

  /** Throws a SystemError if neither IPv4 nor IPv6 can listen on the port. */
  constructor(modules: Pick<Host, 'sockets' | 'clock'>, options: PushListenerOptions) {
    this.#modules = modules
    this.#options = options
    this.#looks = new TokenBucket(modules.clock, LOOKS_PER_SECOND, LOOKS_PER_SECOND)
    this.#signatures = new TokenBucket(modules.clock, SIGNATURES_PER_SECOND, BURST)
    this.#listen()
    void this.#lookAgain()
  }

  /** The next valid push. Of several that nobody has taken yet, the newest is kept. */
  next(): Promise<PushHint> {
    const ready = this.#ready
    this.#ready = undefined
    if (ready) return Promise.resolve(ready)
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
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
    const buffer = new Uint8Array(PUSH_SIZE_MAX)
    for (;;) {
      if (!this.#looks.take()) {
        await clock.sleep(FLOODED_MS)
        continue
      }
      try {
        const { length } = await sockets.receiveDatagram(datagram, buffer, LOOK_AGAIN_MS)
        if (length <= buffer.length) this.#came(buffer.slice(0, length))
      } catch (error) {
        if (!isSystemError(error)) throw error
        if (error.code === 'ECANCELED') return
        if (error.code !== 'ETIMEDOUT') await clock.sleep(FLOODED_MS)
      }
    }
  }

  #came(signed: Uint8Array): void {
    const { keys, situation, spreadSeconds } = this.#options
    try {
      const now = situation()
      const pushSeconds = Math.max(now.pushSeconds, this.#lastIssued)
      if (!concerns(signed, { ...now, pushSeconds })) return
      if (!this.#signatures.take()) return
      const push = openUpgradeNow(signed, keys)
      this.#lastIssued = push.issued
      this.#give({
        reason: `a push for version ${push.version}`,
        withinSeconds: spreadSeconds,
        push,
      })
    } catch (error) {
      // Anybody who can reach the port can send this, and could fill a log of it.
      if (!(error instanceof TrustError)) throw error
    }
  }

  #give(hint: PushHint): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting) waiting.resolve(hint)
    else this.#ready = hint
  }

  #fail(error: unknown): void {
    this.close()
    this.#waiting?.reject(error)
    this.#waiting = { resolve() {}, reject() {} }
  }
}
