/**
 * Rounds without end: waits until one is due, makes it, and waits again; sooner after a hint, once for
 * all those that a sleep made it miss, and none once it is told to end. It decides nothing about a
 * round, and holds nothing that grows: it runs for years in 256 MB.
 */
import type { Clock } from '../host.ts'
import { afterRound, afterStart, MISSED_SPREAD_SECONDS } from './schedule.ts'

/** A reason to make a round before its time. */
export interface Hint {
  /** For the log: `a push for version 43`. */
  reason: string
  /** The round is made at a random moment within this many seconds. */
  withinSeconds: number
}

/** Gives hints one after the other. A rejection ends it: it is reported, and never asked again. */
export interface HintSource {
  next(): Promise<Hint>
}

export interface RoundResult {
  /** One sentence: what the round found, or what stopped it. */
  outcome: string
  /** The home server answered: the interval is counted from now. */
  answered: boolean
  failed: boolean
  /** When to look again at what can be done without asking home; undefined: nothing waits for that. */
  againSeconds: number | undefined
  /** What the home server or the configuration says. */
  intervalSeconds: number
}

export interface Turn {
  /** It is time to ask the home server; otherwise only what was put off is looked at again. */
  ask: boolean
  /** Somebody wants it now: it does not wait for a source. */
  hinted: boolean
}

export interface DaemonParts {
  clock: Clock
  /** From 0 to 1. */
  random(): number
  /** Never rejects, except for a bug. */
  round(turn: Turn): Promise<RoundResult>
  /** Counts the seconds run since the last count; false if they could not be kept now. */
  count(seconds: number): boolean
  hints: readonly HintSource[]
  log(text: string): void
}

/** What the daemon is doing, for `status`. Times are by the wall clock, in seconds since 1970. */
export interface DaemonStatus {
  activity: 'waiting' | 'in a round'
  /** Why the next round is due when it is due. */
  because: string
  /** Undefined: the round under way has to end first. */
  nextSeconds: number | undefined
  rounds: number
  failures: number
  outcome: string
}

/** How often it looks at the clocks, to notice that the laptop slept (milliseconds). */
const SLICE_MS = 60_000
/** A wall clock that jumped ahead by less than this was only set (milliseconds). */
const SLEEP_MIN_MS = 60_000
/** How often running time is kept: a power cut loses no more of it than this (milliseconds). */
const COUNT_MS = 3_600_000

export class Daemon {
  #parts: DaemonParts
  #dueMs: number
  /** When home is to be asked. Before that, only what was put off is looked at. */
  #askMs: number
  #because = 'the start'
  #countedMs: number
  #rounds = 0
  #failures = 0
  #outcome = ''
  #inRound = false
  /** The hints since the last look: two in one turn both count. */
  #hints: Hint[] = []
  /** A hint asked for the next round. */
  #hinted = false
  #ended = false
  #failure: { error: unknown } | undefined
  #wake: (() => void) | undefined

  constructor(parts: DaemonParts) {
    this.#parts = parts
    const nowMs = parts.clock.monotonicMs()
    this.#countedMs = nowMs
    this.#dueMs = nowMs + afterStart(parts.random()) * 1000
    this.#askMs = this.#dueMs
  }

  status(): DaemonStatus {
    const { clock } = this.#parts
    const leftSeconds = Math.max(0, this.#dueMs - clock.monotonicMs()) / 1000
    const isKnown = leftSeconds < Number.POSITIVE_INFINITY
    return {
      activity: this.#inRound ? 'in a round' : 'waiting',
      because: this.#because,
      nextSeconds: isKnown ? Math.round(clock.wallSeconds() + leftSeconds) : undefined,
      rounds: this.#rounds,
      failures: this.#failures,
      outcome: this.#outcome,
    }
  }

  /** Ends `run` at once, even in the middle of a round, which survives any cut. */
  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  /** Returns once it was told to end. */
  async run(): Promise<void> {
    for (const source of this.#parts.hints) this.#listen(source)
    while (!this.#ended) {
      await this.#pause()
      if (this.#failure) throw this.#failure.error
      for (const hint of this.#hints.splice(0)) this.#take(hint)
      const nowMs = this.#parts.clock.monotonicMs()
      if (nowMs - this.#countedMs >= COUNT_MS) this.#count()
      if (!this.#ended && !this.#inRound && nowMs >= this.#dueMs) this.#begin()
    }
    this.#count()
  }

  /** Waits until something happens, the next round is due, or a slice is over. */
  async #pause(): Promise<void> {
    const { clock } = this.#parts
    const [beganMs, beganWallMs] = [clock.monotonicMs(), clock.wallSeconds() * 1000]
    if (this.#ended || this.#hints.length > 0 || this.#failure) return
    const leftMs = this.#inRound ? SLICE_MS : Math.max(0, this.#dueMs - beganMs)
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      // A sleep cut short ends by itself: there are never more of them than events in a slice.
      clock.sleep(Math.min(leftMs, SLICE_MS)).then(resolve)
    })
    this.#wake = undefined
    const passedMs = clock.monotonicMs() - beganMs
    this.#slept(clock.wallSeconds() * 1000 - beganWallMs - passedMs)
  }

  /** The monotonic clock stands while the laptop sleeps; the wall clock tells for how long. */
  #slept(asleepMs: number): void {
    if (asleepMs < SLEEP_MIN_MS) return
    const { clock, random } = this.#parts
    const nowMs = clock.monotonicMs()
    this.#askMs -= asleepMs
    this.#dueMs -= asleepMs
    if (this.#dueMs > nowMs) return
    this.#because = 'a round that was missed asleep'
    this.#dueMs = nowMs + random() * MISSED_SPREAD_SECONDS * 1000
  }

  #listen(source: HintSource): void {
    source.next().then(
      (hint) => {
        this.#hints.push(hint)
        this.#wake?.()
        if (!this.#ended) this.#listen(source)
      },
      (error) => {
        if (!this.#ended) this.#parts.log(`no more hints: ${(error as Error).message}`)
      },
    )
  }

  #take(hint: Hint): void {
    const { clock, random } = this.#parts
    const atMs = clock.monotonicMs() + random() * hint.withinSeconds * 1000
    this.#askMs = Math.min(this.#askMs, atMs)
    if (atMs >= this.#dueMs) return
    this.#dueMs = atMs
    this.#hinted = true
    this.#because = hint.reason
    this.#parts.log(`${hint.reason}: a round within ${Math.ceil(hint.withinSeconds)} s`)
  }

  #begin(): void {
    const { round, clock } = this.#parts
    const ask = clock.monotonicMs() >= this.#askMs
    this.#inRound = true
    // A hint from now on asks for a round of its own.
    this.#dueMs = Number.POSITIVE_INFINITY
    if (ask) this.#askMs = Number.POSITIVE_INFINITY
    const hinted = this.#hinted
    this.#hinted = false
    round({ ask, hinted }).then(
      (result) => this.#made(result),
      (error) => {
        this.#failure = { error }
        this.#wake?.()
      },
    )
  }

  #made(result: RoundResult): void {
    const { clock, random, log } = this.#parts
    const nowMs = clock.monotonicMs()
    this.#inRound = false
    this.#rounds++
    this.#failures = result.failed ? this.#failures + 1 : 0
    if (result.outcome !== this.#outcome || result.failed) log(result.outcome)
    this.#outcome = result.outcome
    if (result.answered) this.#countedMs = nowMs
    const nextMs = nowMs + afterRound(result.intervalSeconds, this.#failures, random()) * 1000
    if (result.failed || this.#askMs === Number.POSITIVE_INFINITY) {
      this.#askMs = Math.min(this.#askMs, nextMs)
    }
    const { againSeconds = Number.POSITIVE_INFINITY } = result
    const againMs = nowMs + againSeconds * 1000
    // A hint in the meantime may have set an earlier one.
    const dueMs = Math.min(this.#askMs, againMs)
    if (dueMs < this.#dueMs) {
      this.#dueMs = dueMs
      this.#because = dueMs === againMs ? 'an upgrade that was put off' : 'the interval'
    }
    this.#wake?.()
  }

  #count(): void {
    const nowMs = this.#parts.clock.monotonicMs()
    if (this.#parts.count((nowMs - this.#countedMs) / 1000)) this.#countedMs = nowMs
  }
}
