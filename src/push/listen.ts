/**
 * Hears pushes, by broadcast and multicast, and passes on the valid ones as hints. Anybody in reach can
 * send here: cheap checks come before a signature is looked at, the number of both per second is
 * limited, and nothing is answered, kept or logged except a valid push.
 */
import { TrustError } from '../errors.ts'
import type { Host } from '../host.ts'
import { PUSH_SIZE_MAX } from '../limits.ts'
import type { PublicKey } from '../release/signify.ts'
import { Ear } from './ear.ts'
import { TokenBucket } from './token-bucket.ts'

export type { PushSituation } from './upgrade-now.ts'

import { concerns, openUpgradeNow, type PushSituation, type UpgradeNow } from './upgrade-now.ts'

/** A signature costs an XO some twenty milliseconds. */
const SIGNATURES_PER_SECOND = 2
const BURST = 4

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
  readonly #options: PushListenerOptions
  readonly #signatures: TokenBucket
  readonly #ear: Ear
  /** The newest valid push: tells its replays from new ones before the state is written. */
  #lastIssued = 0
  #waiting: { resolve(hint: PushHint): void; reject(error: unknown): void } | undefined
  #ready: PushHint | undefined

  /** Throws a SystemError if neither IPv4 nor IPv6 can listen on the port. */
  constructor(modules: Pick<Host, 'sockets' | 'clock'>, options: PushListenerOptions) {
    this.#options = options
    this.#signatures = new TokenBucket(modules.clock, SIGNATURES_PER_SECOND, BURST)
    this.#ear = new Ear(modules, {
      port: options.port,
      sizeMax: PUSH_SIZE_MAX,
      came: (datagram) => this.#came(datagram),
      failed: (error) => this.#fail(error),
    })
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
    this.#ear.close()
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
    this.#waiting?.reject(error)
    this.#waiting = { resolve() {}, reject() {} }
  }
}
