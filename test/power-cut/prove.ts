/**
 * Cuts the power in a scenario: before every operation, in every way that the enumeration gives;
 * boots what is left; cuts the recovery as well; runs the command again from the top; and looks each
 * time. States that were proved once are not proved again.
 */
import { type Choice, type CrashModel, Medium } from '../../runtime/emulator/disk/crash.ts'
import { enumerate } from '../../runtime/emulator/disk/crash-choices.ts'
import { digestOf } from '../../runtime/emulator/disk/digest.ts'
import { ROOT } from '../../runtime/emulator/disk/inodes.ts'
import type { Operation } from '../../runtime/emulator/disk/operations.ts'
import { SeededRandom } from '../../runtime/emulator/random.ts'
import type { VirtualDisk } from '../../runtime/emulator/virtual-disk.ts'
import { checkBooted, checkEnd, checkKept, Refuted, type Verdicts } from './boot.ts'
import { recorded, type World } from './device.ts'
import type { Scenario } from './scenarios.ts'

interface ProofOptions {
  model: CrashModel
  seed: number
  /** How many outcomes of one cut are looked at. */
  choicesMax: number
  /** The same of a second cut; 0: the power is cut only once. */
  secondChoicesMax: number
  /** How many of the cuts far from commit and swap are followed by second ones. */
  secondShare: number
  /** One cut only. */
  cut?: number | undefined
  /** Every so many operations, not each. */
  stride?: number
  /** A broken program fails everywhere; a few places are enough. */
  failuresMax?: number
}

export interface Failure {
  scenario: string
  model: CrashModel
  cut: number
  secondCut: number | undefined
  message: string
}

export interface Proof {
  operations: Operation[]
  /** Outcomes that were looked at, including those that turned out to be known states. */
  cases: number
  /** Outcomes that the model allows, over all cuts. */
  possible: number
  /** Distinct states of the disk that were booted and brought to the end. */
  states: number
  secondCuts: number
  failures: Failure[]
}

/** Operations before the first syncfs that count as near the commit. */
const NEAR = 12
const FAILURES_MAX = 5
/** Near commit and swap, so many outcomes of a first cut are cut again at each operation. */
const SECOND_OF = 4

export async function prove(
  world: World,
  scenario: Scenario,
  options: ProofOptions,
): Promise<Proof> {
  return new Prover(world, scenario, options).run()
}

class Prover {
  readonly #verdicts: Verdicts = new Map()
  readonly #booted = new Set<string>()
  readonly #cutAgain = new Set<string>()
  readonly #proof: Proof = {
    operations: [],
    cases: 0,
    possible: 0,
    states: 0,
    secondCuts: 0,
    failures: [],
  }
  #cut = 0
  #secondCut: number | undefined

  constructor(
    readonly world: World,
    readonly scenario: Scenario,
    readonly options: ProofOptions,
  ) {}

  async run(): Promise<Proof> {
    const { start } = this.scenario
    const operations = await this.#attempt(async () => {
      const run = await recorded(this.world, start, this.scenario.act)
      await checkEnd(run.disk, this.scenario, this.#verdicts)
      return run.operations
    })
    this.#proof.operations = operations ?? []
    const syncAll = this.#proof.operations.findIndex(({ kind }) => kind === 'sync-all')
    const near = syncAll < 0 ? 0 : Math.max(0, syncAll - NEAR)
    const medium = new Medium(start, this.options.model)
    for (this.#cut = 0; this.#cut <= this.#proof.operations.length; this.#cut++) {
      if (this.#hasFailed()) break
      if (this.#isWanted()) await this.#cutHere(medium, this.#cut >= near)
      const operation = this.#proof.operations[this.#cut]
      if (operation) medium.take(operation)
    }
    this.#proof.states = this.#booted.size
    return this.#proof
  }

  #hasFailed(): boolean {
    return this.#proof.failures.length >= (this.options.failuresMax ?? FAILURES_MAX)
  }

  /** What is chosen at a cut depends on the seed and the cut alone, so that one can be repeated. */
  #chance(): SeededRandom {
    const { seed } = this.options
    return new SeededRandom(seed * 1_000_003 + this.#cut * 1009 + (this.#secondCut ?? -1))
  }

  #isWanted(): boolean {
    const { cut, stride = 1 } = this.options
    return cut === undefined ? this.#cut % stride === 0 : cut === this.#cut
  }

  async #cutHere(medium: Medium, near: boolean): Promise<void> {
    const random = this.#chance()
    const { choices, possible } = enumerate(medium, this.options.choicesMax, random)
    this.#proof.possible += possible
    for (const [place, choice] of choices.entries()) {
      if (this.#hasFailed()) return
      const again = near ? place < SECOND_OF : random.fraction() < this.options.secondShare
      await this.#boot(medium, choice, again && this.options.secondChoicesMax > 0)
    }
  }

  /** Boots one state; with `again`, the power is also cut while it recovers and goes on. */
  async #boot(medium: Medium, choice: Choice, again: boolean): Promise<void> {
    this.#proof.cases++
    const disk = medium.crash(choice)
    const state = digestOf(disk.table, ROOT, 3)
    if (!this.#booted.has(state)) {
      this.#booted.add(state)
      await this.#attempt(() => this.#recoverAndEnd(disk))
    }
    // A known state is a new question if nothing was left to do.
    const isAfter = this.#cut === this.#proof.operations.length && this.#secondCut === undefined
    if (isAfter) await this.#attempt(() => this.#recoverAndKeep(disk))
    if (!again || this.#cutAgain.has(state)) return
    this.#cutAgain.add(state)
    await this.#cutSecond(disk)
    this.#secondCut = undefined
  }

  async #recoverAndEnd(crashed: VirtualDisk): Promise<void> {
    const { program } = this.world
    const booted = await recorded(this.world, crashed, (device) =>
      device.withStore((store) => program.flow.recover(store)),
    )
    await checkBooted(booted.disk, this.scenario, this.#verdicts)
    const ended = await recorded(this.world, booted.disk, this.scenario.act)
    await checkEnd(ended.disk, this.scenario, this.#verdicts)
  }

  async #recoverAndKeep(crashed: VirtualDisk): Promise<void> {
    const { recover } = this.world.program.flow
    const booted = await recorded(this.world, crashed, (device) => device.withStore(recover))
    checkKept(booted.disk, this.scenario)
  }

  /** The command runs again from the top, with its recovery first, and is cut before each operation. */
  async #cutSecond(crashed: VirtualDisk): Promise<void> {
    const run = await this.#attempt(() => recorded(this.world, crashed, this.scenario.act))
    const medium = new Medium(crashed, this.options.model)
    for (const [place, operation] of (run?.operations ?? []).entries()) {
      if (this.#hasFailed()) return
      this.#secondCut = place
      const { choices } = enumerate(medium, this.options.secondChoicesMax, this.#chance())
      for (const choice of choices) {
        this.#proof.secondCuts++
        await this.#boot(medium, choice, false)
      }
      medium.take(operation)
    }
  }

  async #attempt<T>(act: () => Promise<T>): Promise<T | undefined> {
    try {
      return await act()
    } catch (error) {
      const { name, message, stack } = error as Error
      this.#proof.failures.push({
        scenario: this.scenario.name,
        model: this.options.model,
        cut: this.#cut,
        secondCut: this.#secondCut,
        message: error instanceof Refuted ? message : `${name}: ${message} ${stack}`,
      })
      return undefined
    }
  }
}
