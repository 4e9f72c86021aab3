/**
 * The laptop's time. It stands still while the laptop computes; when the laptop waits, it jumps to
 * the next event. Only while something outside is waited for (a real socket, a person who looks on)
 * does it follow the clock of the machine. It must never go back.
 */
import type { Clock } from '../../src/host.ts'

interface Timer {
  atMs: number
  fire(): void
}

/** What a laptop that was started for the first time believes: 2026-01-01 (seconds since 1970). */
const FIRST_START_SECONDS = 1_767_225_600
/** How long to sleep when only the outside can wake us. */
const LONG_MS = 1000

export class VirtualClock {
  private standingMs = 0
  /** In the order of their times, and for equal times in the order in which they were made. */
  private readonly timers: Timer[] = []
  private outside = 0
  private readonly held = new Set<Promise<void>>()
  private followedSinceMs = 0
  /** Those that let time pass and follow the machine's clock right now: one for each running program. */
  private readonly followers = new Set<() => void>()

  /** `startSeconds`: by the laptop's own clock, since 1970. */
  constructor(private startSeconds = FIRST_START_SECONDS) {}

  /** Goes on from there, if it is not there yet. To be called before anything has asked for the time. */
  goOnFrom(seconds: number): void {
    this.startSeconds = Math.max(this.startSeconds, seconds)
  }

  readonly asHost: Clock = {
    monotonicMs: () => this.nowMs(),
    wallSeconds: () => this.startSeconds + this.nowMs() / 1000,
    sleep: (milliseconds) => new Promise((resolve) => this.after(milliseconds, resolve)),
  }

  nowMs(): number {
    if (this.outside === 0) return this.standingMs
    return this.standingMs + performance.now() - this.followedSinceMs
  }

  /** Calls `fire` when that much time has passed; returns a function that cancels it. */
  after(milliseconds: number, fire: () => void): () => void {
    // In whole microseconds, as a kernel does: what is left of a wait by rounding alone must pass, too.
    const waitMs = Math.ceil(milliseconds * 1000) / 1000
    return this.at(this.nowMs() + Math.max(0, waitMs), fire)
  }

  /** The same at a time of this clock. Of two with one time the one that was asked for first comes first. */
  at(atMs: number, fire: () => void): () => void {
    const timer = { atMs, fire }
    this.timers.splice(this.placeAfter(atMs), 0, timer)
    this.lookAgain()
    return () => {
      for (let place = this.placeAfter(atMs) - 1; place >= 0; place--) {
        const other = this.timers[place]
        if (other === timer) this.timers.splice(place, 1)
        if (other === timer || (other && other.atMs < atMs)) return
      }
    }
  }

  /** How many timers are due until then. */
  private placeAfter(atMs: number): number {
    let [low, high] = [0, this.timers.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.timers[middle]?.atMs ?? Infinity) <= atMs) low = middle + 1
      else high = middle
    }
    return low
  }

  /** When the next timer is due; Infinity if there is none. */
  get nextMs(): number {
    return this.timers[0]?.atMs ?? Infinity
  }

  /** For a timer that let several things happen at once: it is that late, and no timer is due before. */
  catchUp(atMs: number): void {
    this.standingMs = Math.max(this.standingMs, atMs)
  }

  /** Time stands still until what this returns is called: something that takes none is not done yet. */
  hold(): () => void {
    let release: () => void = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    this.held.add(held)
    void held.then(() => this.held.delete(held))
    return release
  }

  /** Time follows the machine's clock until what this returns is called. */
  follow(): () => void {
    if (this.outside++ === 0) this.followedSinceMs = performance.now()
    let done = false
    return () => {
      if (done) return
      done = true
      this.standingMs = this.nowMs()
      this.followedSinceMs = performance.now()
      this.outside--
      this.lookAgain()
    }
  }

  /** Waits for a promise of the outside world. */
  async outsideOf<T>(promise: Promise<T>): Promise<T> {
    const done = this.follow()
    try {
      return await promise
    } finally {
      done()
    }
  }

  /** Looks at `ended` again at once. */
  lookAgain(): void {
    for (const wake of [...this.followers]) wake()
  }

  /** Lets time pass until `ended`; false if nothing is left that could happen. */
  async pass(ended: () => boolean): Promise<boolean> {
    for (;;) {
      // All that is ready on Node's side comes first.
      do {
        await Promise.all(this.held)
        await new Promise((resolve) => setImmediate(resolve))
      } while (this.held.size > 0)
      if (ended()) return true
      const [next] = this.timers
      if (this.outside > 0) await this.followTo(next)
      else if (!next) return false
      else {
        this.standingMs = Math.max(this.standingMs, next.atMs)
        this.timers.shift()
        next.fire()
      }
    }
  }

  private async followTo(next: Timer | undefined): Promise<void> {
    const leftMs = next ? next.atMs - this.nowMs() : LONG_MS
    if (next && leftMs <= 0) {
      this.timers.shift()
      next.fire()
      return
    }
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(alarm)
        this.followers.delete(wake)
        resolve()
      }
      const alarm = setTimeout(wake, Math.min(leftMs, LONG_MS))
      this.followers.add(wake)
    })
  }
}
