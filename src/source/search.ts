/**
 * One round over the sources, in the order of `order.ts`: asks them until one serves, and remembers
 * in the store whom to set aside and how long to wait. The round ends with `settled`, or with the
 * error that is most worth telling.
 */
import { attackIn } from '../attacks.ts'
import {
  ConfigError,
  DeadlineError,
  isSystemError,
  LaterError,
  PeerError,
  SourceConfigError,
  TrustError,
} from '../errors.ts'
import type { Progress } from '../progress.ts'
import { formatInstant } from '../release/fields.ts'
import { changeState, readState } from '../store/state.ts'
import type { Store } from '../store/store.ts'
import {
  type Candidate,
  nextMove,
  nextWait,
  outcomeOf,
  PATIENCE,
  type Patience,
  type PeersWord,
  type SourceFault,
  secondsLeft,
} from './order.ts'
import { readSetAside, setAside } from './set-aside.ts'
import type { Source } from './source.ts'

export interface SearchOptions {
  /** School servers and upstreams; those with one role are in the order to try them. */
  sources: Source[]
  /** Its state holds the wait. Needs its lock. */
  store: Store
  /** `PATIENCE` if it is not given. */
  patience?: Patience
  progress: Progress
  /** Called instead of `progress` for each source that is given up, with the reason. */
  failed?: ((error: Error) => void) | undefined
  /** Who else may have a version; undefined: nobody else is asked. */
  neighbours?: Neighbours | undefined
}

/** Laptops on a link of ours, which say that they have a version. */
export interface Neighbours {
  peers: PeersWord
  /**
   * Asks them, and gives those to try, in this order, but for those set aside. Their names are no URLs, so
   * that what one of them does is held against no source that somebody named. Who made this closes them.
   */
  find(wanted: NeighbourWish, aside: ReadonlySet<string>): Promise<Source[]>
}

export interface NeighbourWish {
  /** Undefined: any newer than what runs. */
  version: number | undefined
  /** The version that runs; undefined: none. */
  running: number | undefined
}

interface AskedSource extends Candidate {
  source: Source
  /** How often its connection was cut in this round. */
  cuts: number
}

export class Search {
  readonly #asked: AskedSource[]
  readonly #tries: number
  readonly #aside: ReadonlySet<string>
  #serving: AskedSource | undefined
  #isNeighbourhoodAsked = false
  /** What the neighbours are asked for; undefined: nothing is wanted of them yet. */
  #wish: NeighbourWish | undefined
  #failure: unknown
  #lacking: Error | undefined

  constructor(readonly options: SearchOptions) {
    const { store, sources } = options
    this.#aside = readSetAside(store.host.files, store.directory, this.#now())
    this.#asked = sources.map((source) => this.#untried(source))
    this.#tries = readState(store).wait?.tries ?? 0
  }

  #untried(source: Source): AskedSource {
    const { name, role = 'upstream' } = source
    return { source, role, setAside: this.#aside.has(name), outcome: 'untried', cuts: 0 }
  }

  /** From now on this is wanted, of neighbours as well, who were not asked before. */
  want(wish: NeighbourWish): void {
    this.#wish = wish
  }

  /**
   * Uses one source after the other, as long as the failure is the source's; first the one that served
   * last, whose connection may still be open. The caller keeps what one of them brought.
   */
  async serve<Result>(use: (source: Source) => Promise<Result>): Promise<Result> {
    for (;;) {
      const move = this.#nextMove()
      if (move === 'ask-neighbours') {
        await this.#askNeighbours()
        continue
      }
      const asked = typeof move === 'number' ? this.#asked[move] : undefined
      if (!asked) throw this.#giveUp(move === 'wait-for-school')
      // A place there is for others, while this one is served elsewhere.
      if (this.#serving !== asked) this.#serving?.source.close()
      try {
        const result = await use(asked.source)
        asked.outcome = 'serving'
        this.#serving = asked
        return result
      } catch (error) {
        const fault = faultIn(error, asked)
        if (!fault) throw error
        if (fault === 'cut') asked.cuts++
        asked.outcome = outcomeOf(fault, asked, asked.cuts)
        this.#failed(asked, error as Error)
      }
    }
  }

  /** The source that served last, and still does. */
  get serving(): Source | undefined {
    return this.#serving?.outcome === 'serving' ? this.#serving.source : undefined
  }

  #nextMove() {
    const { patience = PATIENCE, neighbours } = this.options
    return nextMove(this.#asked, this.#tries, patience, {
      peers: (this.#wish && neighbours?.peers) ?? 'off',
      known: this.#wish?.version !== undefined,
      asked: this.#isNeighbourhoodAsked,
    })
  }

  /** Once in a round, whatever comes of it. */
  async #askNeighbours(): Promise<void> {
    const { neighbours, progress } = this.options
    this.#isNeighbourhoodAsked = true
    if (!this.#wish || !neighbours) return
    const found = await neighbours.find(this.#wish, this.#aside)
    this.#asked.push(...found.map((source) => this.#untried(source)))
    const names = found.map(({ name }) => name).join(', ')
    if (found.length > 0) progress.note(`said to have it: ${names}`)
  }

  /** The round did its work: after the next failure the wait is the shortest again. */
  settled(): void {
    const { store } = this.options
    if (readState(store).wait) changeState(store, { wait: undefined })
  }

  #failed({ source, role, outcome }: AskedSource, error: Error): void {
    const { store, progress, failed } = this.options
    source.close()
    if (outcome === 'serving') {
      progress.note(`${error.message}; connecting again`)
      return
    }
    if (outcome === 'bad') {
      setAside(store.host.files, store.directory, source.name, this.#now())
    }
    if (outcome === 'lacks' && role === 'school') this.#lacking ??= error
    this.#remember(error)
    // What is most worth telling: an attack, before a server that is merely away, and that before a neighbour.
    const isTold = role !== 'neighbour' || error instanceof TrustError
    if (!(this.#failure instanceof TrustError)) {
      this.#failure = isTold ? error : (this.#failure ?? error)
    }
    if (failed) {
      failed(error)
      return
    }
    const more = this.#asked.some(({ outcome }) => outcome === 'untried')
    if (more) progress.note(`${error.message}; trying the next source`)
  }

  /** An attack goes into the state record, even if the next source serves instead. */
  #remember({ message }: Error): void {
    const name = attackIn(message)
    if (name === undefined) return
    const { store } = this.options
    const time = new Date(this.#now() * 1000).toISOString()
    try {
      changeState(store, { attack: { name, time, message, told: false } })
    } catch (error) {
      // The next source is worth more than a record that doesn't fit on a full disk.
      if (!isSystemError(error)) throw error
    }
  }

  #giveUp(forSchool: boolean): unknown {
    if (this.#asked.length === 0) {
      return new ConfigError(
        'no source is known',
        'name one in the section [sources] of the configuration, or with --source',
      )
    }
    const until = this.#wait(forSchool)
    const when = formatInstant(until)
    if (forSchool && this.#lacking) {
      return new LaterError(
        `${this.#lacking.message}; it is asked again, at ${when}, before upstream is`,
        until,
        'run this again then; `upgrade --wait` waits for it, `upgrade --source URL` asks another one',
      )
    }
    if (!this.options.failed) {
      this.options.progress.note(`the sources are asked again at ${when}`)
    }
    return this.#failure
  }

  /** A try ahead of time, made by the operator, leaves the wait as it is. */
  #wait(forSchool: boolean): number {
    const { store, patience = PATIENCE } = this.options
    const { wait } = readState(store)
    const now = this.#now()
    if (wait && secondsLeft(wait, now) > 0) return wait.until
    const [byte = 0] = store.host.random.randomBytes(1)
    const at = { seconds: now, random: byte / 255 }
    const next = nextWait(forSchool ? 'wait-for-school' : 'wait', wait, at, patience)
    changeState(store, { wait: next })
    return next.until
  }

  #now(): number {
    return this.options.store.host.clock.wallSeconds()
  }
}

/** A neighbour that was not even reached may never have answered: anybody could write its address. */
function faultIn(error: unknown, { role }: Candidate): SourceFault | undefined {
  const isUnreached = error instanceof DeadlineError && !error.isConnected
  return role === 'neighbour' && isUnreached ? 'away' : faultOf(error)
}

/** What an error says about the source; undefined if it is not the source's error. */
export function faultOf(error: unknown): SourceFault | undefined {
  if (error instanceof PeerError) {
    if (error.kind === 'absent' || error.kind === 'busy') return 'lacks'
    if (error.kind === 'cut') return 'cut'
    return error.kind === 'broken' ? 'bad' : 'away'
  }
  if (error instanceof DeadlineError || error instanceof TrustError) return 'bad'
  if (error instanceof SourceConfigError) return 'away'
  const atConnection = isSystemError(error) && ['resolve', 'connect'].includes(error.call)
  return atConnection ? 'away' : undefined
}
