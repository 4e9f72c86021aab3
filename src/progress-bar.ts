/**
 * Progress as a person watches it: a bar that moves on a terminal or a boot console, and amounts in
 * words. What it is drawn on is up to the caller.
 */
import type { Clock } from './host.ts'
import type { Phase, ShownProgress } from './progress.ts'
import { harmless, show } from './text.ts'

/** Writes a text and nothing after it. */
export type Write = (text: string) => void

/** A bar is drawn, and a JSON line written, at most this often (milliseconds). */
const INTERVAL_MS = 200

const TITLES: Record<Phase, string> = {
  release: 'asking',
  pack: 'pack',
  manifest: 'manifest',
  compare: 'comparing',
  fetch: 'fetching',
  verify: 'verifying',
  commit: 'writing to disk',
  publish: 'publishing',
}

/** How far the phase is, and what crossed the network in it: common to all ways of showing it. */
export class Meter {
  phase: Phase | undefined
  total: number | undefined
  unit: 'bytes' | 'entries' = 'bytes'
  done = 0
  path = ''
  received = 0
  sent = 0
  #begun = 0
  #shownMs = 0

  constructor(readonly clock: Clock) {}

  begin(phase: Phase, total: number | undefined, unit: 'bytes' | 'entries'): void {
    Object.assign(this, { phase, total, unit, done: 0, path: '' })
    this.#begun = this.clock.monotonicMs()
  }

  /** To be called when it is shown. */
  shown(): void {
    this.#shownMs = this.clock.monotonicMs()
  }

  isDue(): boolean {
    return this.phase !== undefined && this.clock.monotonicMs() - this.#shownMs >= INTERVAL_MS
  }

  seconds(): number {
    return (this.clock.monotonicMs() - this.#begun) / 1000
  }

  /** Amount per second in this phase. */
  rate(): number {
    const seconds = this.seconds()
    return seconds > 0 ? this.done / seconds : 0
  }

  secondsLeft(): number | undefined {
    const rate = this.rate()
    if (!this.total || rate <= 0 || this.done <= 0) return undefined
    return Math.max(0, this.total - this.done) / rate
  }
}

/** A way of showing it. */
interface Display {
  begun?(): void
  /** How far the phase is, now and then. */
  show?(): void
  /** The phase is over, and another one begins. */
  over?(): void
  /** The last phase is over. */
  ended(): void
  note(text: string): void
}

export function shownBy(meter: Meter, display: Display): ShownProgress {
  const showWhenDue = () => {
    if (meter.isDue()) display.show?.()
  }
  return {
    begin(phase, total, unit) {
      if (meter.phase !== undefined) display.over?.()
      meter.begin(phase, total, unit)
      display.begun?.()
    },
    advance(done, path) {
      meter.done = done
      if (path !== undefined) meter.path = path
      showWhenDue()
    },
    traffic(received, sent) {
      meter.received = received
      meter.sent = sent
      showWhenDue()
    },
    note: (text) => display.note(text),
    end() {
      if (meter.phase !== undefined) display.ended()
      meter.phase = undefined
    },
  }
}

export function terminalProgress(clock: Clock, write: Write, columns: () => number): ShownProgress {
  const meter = new Meter(clock)
  const draw = () => {
    meter.shown()
    write(`\r\x1b[K${barLine(meter, columns())}`)
  }
  const over = () => write(`\r\x1b[K${summary(meter)}\n`)
  const note = (text: string) => {
    write(`\r\x1b[K${harmless(text)}\n`)
    if (meter.phase !== undefined) draw()
  }
  return shownBy(meter, { begun: draw, show: draw, over, ended: over, note })
}

function barLine(meter: Meter, columns: number): string {
  const title = TITLES[meter.phase ?? 'fetch']
  if (meter.total === undefined) return `${title} …`
  const share = meter.total === 0 ? 1 : Math.min(1, meter.done / meter.total)
  const width = Math.max(10, Math.min(30, columns - 60))
  const filled = Math.round(share * width)
  const bar = '█'.repeat(filled) + '░'.repeat(width - filled)
  const left = meter.secondsLeft()
  const parts = [
    title.padEnd(10),
    bar,
    `${Math.floor(share * 100)}%`.padStart(4),
    `${amount(meter.done, meter.unit)} of ${amount(meter.total, meter.unit)}`,
  ]
  if (meter.unit === 'bytes') parts.push(`${amount(meter.rate(), 'bytes')}/s`)
  if (left !== undefined) parts.push(`${duration(left)} left`)
  const line = parts.join(' ')
  const room = columns - 2 - line.length
  const path = show(meter.path)
  if (room < 8 || path === '') return line.slice(0, columns - 1)
  return `${line} ${path.length > room ? `…${path.slice(path.length - room + 1)}` : path}`
}

/** A phase that is over, in one line. */
export function summary(meter: Meter): string {
  const title = TITLES[meter.phase ?? 'fetch']
  const seconds = `in ${meter.seconds().toFixed(1)} s`
  if (meter.phase === 'release' || meter.phase === 'manifest') {
    return `${title}: ${seconds} (${amount(meter.received, 'bytes')} received in all)`
  }
  if (meter.phase === 'commit' || meter.phase === 'compare') return `${title}: ${seconds}`
  const done = amount(meter.done, meter.unit)
  const traffic =
    meter.phase === 'fetch'
      ? `; ${amount(meter.received, 'bytes')} received, ${amount(meter.sent, 'bytes')} sent in all`
      : ''
  return `${title}: ${done} ${seconds}${traffic}`
}

export function amount(value: number, unit: 'bytes' | 'entries'): string {
  if (unit === 'entries') return `${Math.round(value)} entries`
  if (value < 1000) return `${Math.round(value)} B`
  if (value < 1e6) return `${(value / 1e3).toFixed(1)} kB`
  if (value < 1e9) return `${(value / 1e6).toFixed(1)} MB`
  return `${(value / 1e9).toFixed(2)} GB`
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds)
  const minutes = Math.floor(whole / 60)
  if (minutes >= 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
  return `${minutes}:${String(whole % 60).padStart(2, '0')}`
}
