/** A laptop's daemon on a clock of the test's own, for what is told of it. */
import * as assert from 'uvu/assert'
import { VirtualClock } from '../../runtime/emulator/virtual-clock.ts'
import {
  Daemon,
  type DaemonParts,
  type Hint,
  type RoundResult,
  type Turn,
} from '../../src/daemon/daemon.ts'
import { deadline } from '../support/deadline.ts'

export const HOUR = 3600
/** More than any test waits for. */
const ROUNDS_MAX = 10_000

/** A laptop: its clock, which can sleep, and what its daemon did. */
export class TimedLaptop {
  readonly clock = new VirtualClock()
  asleepSeconds = 0
  /** When rounds were made, in seconds since the start, and whether home was asked. */
  readonly rounds: ({ at: number } & Turn)[] = []
  readonly logged: string[] = []
  counted = 0
  result: RoundResult = {
    outcome: 'Version 41 runs.',
    answered: true,
    failed: false,
    againSeconds: undefined,
    intervalSeconds: HOUR,
  }
  roundSeconds = 0
  random = 0.5
  hint: (hint: Hint) => void = () => {}
  readonly daemon: Daemon

  constructor(parts: Partial<DaemonParts> = {}) {
    const { clock } = this
    const wallSeconds = () => clock.asHost.wallSeconds() + this.asleepSeconds
    this.daemon = new Daemon({
      clock: { ...clock.asHost, wallSeconds },
      random: () => this.random,
      round: async (turn) => {
        // With no time between them, the clock and the test's deadline would never get their turn.
        assert.ok(this.rounds.length < ROUNDS_MAX, 'rounds without an end')
        this.rounds.push({ at: Math.round(clock.nowMs() / 1000), ...turn })
        if (this.roundSeconds > 0) await clock.asHost.sleep(this.roundSeconds * 1000)
        return this.result
      },
      count: (seconds) => {
        this.counted += seconds
        return true
      },
      hints: [{ next: () => new Promise((resolve) => (this.hint = resolve)) }],
      log: (text) => this.logged.push(text),
      ...parts,
    })
  }

  /** Runs until so many rounds began. */
  async until(rounds: number): Promise<void> {
    await this.passing(() => this.rounds.length >= rounds)
  }

  async passing(ended: () => boolean): Promise<void> {
    if (this.rounds.length === 0) this.running = this.daemon.run()
    assert.ok(await deadline(this.clock.pass(ended)))
  }

  running: Promise<void> = Promise.resolve()

  after(seconds: number): Promise<void> {
    const atMs = this.clock.nowMs() + seconds * 1000
    this.clock.after(seconds * 1000, () => {})
    return this.passing(() => this.clock.nowMs() >= atMs)
  }
}
