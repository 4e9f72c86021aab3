/**
 * How long we wait for a peer. Only useful work extends it: bytes of what was asked for, as the decoders
 * count them, and bytes that we sent. Keep-alives, messages and empty blocks are none, and what was asked
 * for has an end: so has the time. Our own work and our own pauses are not held against anybody. Pure.
 */

interface PatienceOptions {
  /** The longest time without useful work. */
  timeoutMs: number
  /** The least rate of useful work over a window; undefined: any. */
  rateMin?: { bytesPerSecond: number; windowMs: number } | undefined
}

/** What becomes of a peer that was waited for too long; `slow` names one that keeps itself alive with too little. */
export interface Impatience {
  slow: boolean
  reason: string
}

/** The rate is judged each time that so much should have come: at the default rate, after ten minutes (bytes). */
const WINDOW_BYTES = 38_400
/** Whatever the rate: shorter than this is a hiccup, longer is no help (ms). */
const WINDOW_MIN_MS = 10_000
const WINDOW_MAX_MS = 600_000

/** Whoever brings less than this in this time is only waited for: a kilobyte a second (bytes, ms). */
const BRISK_BYTES = 3072
const BRISK_MS = 3000

/** Nobody's hiccup may be longer than the silence that is allowed. */
export function rateWindowMs(bytesPerSecond: number, timeoutMs: number): number {
  const fullMs = (WINDOW_BYTES * 1000) / bytesPerSecond
  return Math.min(Math.max(fullMs, Math.min(WINDOW_MIN_MS, timeoutMs)), WINDOW_MAX_MS)
}

export class WirePatience {
  /** The moment (monotonic) by which the part that is going on has to be done. */
  deadlineMs = Number.POSITIVE_INFINITY
  #idleMs = 0
  #windowMs = 0
  #windowBytes = 0
  /** In all, of the parts that are measured: waited, and granted by what was asked for. */
  #waitedMs = 0
  #grantedMs: number
  #measures = false
  #heard = false
  #useful = false
  /** Hardly anything useful has come of late. */
  #idle = false
  #briskBytes = 0
  #briskMs = 0
  #thoughtMs = 0

  /** A client that was answered thinks what to ask next: only `grantThought` limits its silence then. */
  thinks = false

  constructor(readonly options: PatienceOptions) {
    this.#grantedMs = Math.max(options.timeoutMs, options.rateMin?.windowMs ?? 0)
  }

  /** Whether the least rate counts now. */
  set measures(yes: boolean) {
    this.#measures = yes
  }

  /** Something came, useful or not. */
  heard(): void {
    this.#heard = true
  }

  /** Useful work was done. */
  worked(bytes: number): void {
    if (bytes <= 0) return
    this.#useful = true
    this.#windowBytes += bytes
    this.#briskBytes += bytes
  }

  /** Whether hardly anything useful came in the last seconds: all that is done is to wait. */
  get isIdle(): boolean {
    return this.#idle
  }

  /** This many more bytes are to come, or to be sent. */
  expect(bytes: number): void {
    const { rateMin } = this.options
    if (rateMin) this.#grantedMs += (bytes * 1000) / rateMin.bytesPerSecond
  }

  /** So much more of silence is granted, in all, to a client that thinks. */
  grantThought(ms: number): void {
    this.#thoughtMs += ms
  }

  /** How long the next wait may last before something has to be looked at. */
  leftMs(nowMs: number): number {
    const { timeoutMs, rateMin } = this.options
    if (this.thinks) return Math.min(this.#thoughtMs, this.deadlineMs - nowMs)
    const left = Math.min(timeoutMs - this.#idleMs, this.deadlineMs - nowMs)
    if (!rateMin || !this.#measures) return left
    return Math.min(left, rateMin.windowMs - this.#windowMs, this.#grantedMs - this.#waitedMs)
  }

  /** After a wait: undefined if there is patience left. */
  judge(waitedMs: number, nowMs: number): Impatience | undefined {
    const { timeoutMs, rateMin } = this.options
    this.#judgeBriskness(waitedMs)
    if (this.thinks) return this.#judgeThought(waitedMs, nowMs)
    if (this.#useful) {
      this.#idleMs = 0
      this.#heard = false
    } else {
      this.#idleMs += waitedMs
    }
    this.#useful = false
    if (nowMs >= this.deadlineMs) return { slow: this.#heard, reason: 'not done in time' }
    if (this.#idleMs >= timeoutMs) return this.#silence(timeoutMs)
    if (!rateMin || !this.#measures) return undefined
    this.#windowMs += waitedMs
    this.#waitedMs += waitedMs
    if (this.#waitedMs >= this.#grantedMs) {
      const reason = `not done within ${seconds(this.#grantedMs)}, which is enough for all that was asked for`
      return { slow: true, reason }
    }
    return this.#windowMs < rateMin.windowMs ? undefined : this.#judgeRate(rateMin.bytesPerSecond)
  }

  #judgeThought(waitedMs: number, nowMs: number): Impatience | undefined {
    this.#idleMs = 0
    this.#useful = false
    this.#thoughtMs -= waitedMs
    if (nowMs >= this.deadlineMs) return { slow: this.#heard, reason: 'not done in time' }
    if (this.#thoughtMs > 0) return undefined
    return { slow: this.#heard, reason: 'nothing was asked for in the time that its list allows' }
  }

  #judgeBriskness(waitedMs: number): void {
    this.#briskMs += waitedMs
    if (this.#briskBytes >= BRISK_BYTES) this.#idle = false
    else if (this.#briskMs < BRISK_MS) return
    else this.#idle = true
    this.#briskBytes = 0
    this.#briskMs = 0
  }

  #silence(timeoutMs: number): Impatience {
    const allowed = `for ${Math.round(this.#idleMs)} ms (${timeoutMs} allowed)`
    return this.#heard
      ? { slow: true, reason: `nothing of what was asked for ${allowed}, though it keeps sending` }
      : { slow: false, reason: `no byte ${allowed}` }
  }

  #judgeRate(rateMin: number): Impatience | undefined {
    const rate = (this.#windowBytes * 1000) / this.#windowMs
    const window = seconds(this.#windowMs)
    this.#windowBytes = 0
    this.#windowMs = 0
    if (rate >= rateMin) return undefined
    const shown = `${Math.round(rate)} useful bytes per second over ${window}`
    return { slow: true, reason: `${shown} (at least ${rateMin} wanted)` }
  }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`
}
