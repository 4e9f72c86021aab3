/**
 * Memory that is refused: the program under the sanitizers (build/x86_64-asan), where the n-th allocation
 * gets nothing, or neither it nor any after it. C's own allocations and QuickJS' are counted separately.
 * Each run must succeed or end with a clear error, without a word from the sanitizers; the trees must be
 * whole; and the same command must succeed when it is run again.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SeededRandom } from '../../runtime/emulator/random.ts'
import { Device, type Run } from '../support/device.ts'
import { CHECKED_PROGRAM } from '../support/program.ts'
import { Publisher } from '../support/release.ts'
import { type Daemon, startDaemon } from '../support/rsync-daemon.ts'
import { scratch } from '../support/scratch.ts'
import { nastyImage } from './images.ts'
import { recoverAndProve, type Versions } from './real-store.ts'

/** The sanitizers make everything slower. */
const RUN_TIMEOUT_MS = 120_000

export const KINDS = ['native', 'javascript'] as const
type Kind = (typeof KINDS)[number]

interface Task {
  name: string
  command: string
  /** Whether the command begins with a store of version 1; else there is none. */
  installed: boolean
  waiting: boolean
  /** What may run afterwards, and what must in the end. */
  running: (number | undefined)[]
  end: Versions
}

const TASKS: Task[] = [
  {
    name: 'install',
    command: 'install',
    installed: false,
    waiting: false,
    running: [undefined, 2],
    end: { fakeroot: 2 },
  },
  {
    name: 'upgrade',
    command: 'upgrade',
    installed: true,
    waiting: false,
    running: [1],
    end: { fakeroot: 1, 'upgraded-root': 2 },
  },
  {
    name: 'swap',
    command: 'swap',
    installed: true,
    waiting: true,
    running: [1, 2],
    end: { fakeroot: 2, 'previous-root': 1 },
  },
]

interface MemoryProof {
  task: string
  kind: Kind
  /** Allocations of a run to which nothing is refused. */
  allocations: number
  refused: number
  /** Runs that succeeded all the same. */
  survived: number
  failures: string[]
}

interface MemoryOptions {
  seed: number
  /** At most so many allocations of each kind and task are refused; each is where they are fewer. */
  samplesMax: number
  /** After one in so many of those, nothing more is given. */
  restEvery: number
  tasks?: string[]
}

/** A stage of its own: a stock daemon, two releases, and stores to begin with. */
export class MemoryStage {
  readonly #device: Device
  readonly #counter: string

  private constructor(
    readonly daemon: Daemon,
    publisher: Publisher,
    readonly bases: { installed: string; waiting: string },
  ) {
    const store = join(scratch('memory'), 'store')
    const sources = [`rsync://127.0.0.1:${daemon.port}/xo`]
    this.#device = new Device({ sources, keys: publisher.keys.publicFile, store })
    this.#counter = join(scratch('memory'), 'allocations')
  }

  static async set(): Promise<MemoryStage> {
    if (!existsSync(CHECKED_PROGRAM))
      throw new Error(`${CHECKED_PROGRAM} is missing: build it first`)
    const publisher = new Publisher()
    const daemon = await startDaemon('rsync', [{ name: 'xo', path: publisher.module }])
    const stores = scratch('memory')
    const bases = { installed: join(stores, 'installed'), waiting: join(stores, 'waiting') }
    const stage = new MemoryStage(daemon, publisher, bases)
    publisher.publish(1, nastyImage(1))
    await stage.#device.succeed('install')
    copy(stage.#device.store, bases.installed)
    publisher.publish(2, nastyImage(2))
    await stage.#device.succeed('upgrade')
    copy(stage.#device.store, bases.waiting)
    return stage
  }

  stop(): Promise<void> {
    return this.daemon.stop()
  }

  async prove(options: MemoryOptions): Promise<MemoryProof[]> {
    const proofs: MemoryProof[] = []
    for (const task of TASKS) {
      if (options.tasks && !options.tasks.includes(task.name)) continue
      const counts = await this.#count(task)
      for (const kind of KINDS) proofs.push(await this.#proveKind(task, kind, counts, options))
    }
    return proofs
  }

  async #count(task: Task): Promise<Record<Kind, number>> {
    this.#begin(task)
    writeFileSync(this.#counter, '')
    const ended = await this.#run(task, { XO_ALLOCATIONS: this.#counter })
    const problem = complaintOf(ended)
    if (problem || ended.status !== 0) throw new Error(`with all memory: ${problem}${ended.stdout}`)
    const [native = 0n, javascript = 0n] = new BigUint64Array(
      Uint8Array.from(readFileSync(this.#counter)).buffer,
    )
    return { native: Number(native), javascript: Number(javascript) }
  }

  async #proveKind(
    task: Task,
    kind: Kind,
    counts: Record<Kind, number>,
    { seed, samplesMax, restEvery }: MemoryOptions,
  ): Promise<MemoryProof> {
    const allocations = counts[kind]
    const proof = { task: task.name, kind, allocations, refused: 0, survived: 0, failures: [] }
    for (const [index, place] of samples(allocations, samplesMax, seed).entries()) {
      const wish = `${kind}:${place}${index % restEvery === 0 ? '+' : ''}`
      await this.#refuse(task, wish, proof)
    }
    return proof
  }

  /** One run with one wish; `XO_REFUSE` in the environment repeats it. */
  async #refuse(task: Task, wish: string, proof: MemoryProof): Promise<void> {
    this.#begin(task)
    const ended = await this.#run(task, { XO_REFUSE: wish })
    proof.refused++
    if (ended.status === 0) proof.survived++
    const problem = complaintOf(ended) ?? (await this.#afterwards(task))
    if (problem) proof.failures.push(`${task.name} with XO_REFUSE=${wish}: ${problem}`)
  }

  async #afterwards(task: Task): Promise<string | undefined> {
    try {
      const { store } = this.#device
      if (existsSync(store)) {
        const { fakeroot } = await recoverAndProve(store)
        if (!task.running.includes(fakeroot)) return `version ${fakeroot} runs`
      }
      const done = task.name === 'swap' && (await recoverAndProve(store)).fakeroot === 2
      const installed = task.name === 'install' && existsSync(join(store, 'fakeroot'))
      if (!done && !installed) await this.#device.succeed(task.command)
      const end = await recoverAndProve(store)
      if (JSON.stringify(end) !== JSON.stringify(task.end))
        return `ends with ${JSON.stringify(end)}`
      return undefined
    } catch (error) {
      return (error as Error).message
    }
  }

  #begin({ installed, waiting }: Task): void {
    const { store } = this.#device
    rmSync(store, { recursive: true, force: true })
    if (installed) copy(waiting ? this.bases.waiting : this.bases.installed, store)
  }

  #run(task: Task, environment: Record<string, string>): Promise<Run> {
    const options = { program: CHECKED_PROGRAM, environment, timeoutMs: RUN_TIMEOUT_MS }
    return this.#device.run(task.command, [], options)
  }
}

const copy = (source: string, target: string) => execFileSync('cp', ['-a', source, target])

/** All places if they are few; else some of each stretch, by the seed. */
function samples(count: number, samplesMax: number, seed: number): number[] {
  const taken = Math.min(count, samplesMax)
  const random = new SeededRandom(seed)
  const stretch = count / taken
  return Array.from({ length: taken }, (_, index) => {
    const first = Math.floor(index * stretch)
    const next = Math.max(first + 1, Math.floor((index + 1) * stretch))
    return 1 + first + random.below(next - first)
  })
}

/**
 * What is wrong with how a run ended; undefined if it succeeded or its error says that memory ran out.
 */
function complaintOf({ status, signal, stdout, stderr, error }: Run): string | undefined {
  const told = `${signal ?? `status ${status}`}\n${stderr}${stdout.slice(-500)}`
  if (/Sanitizer|runtime error:/.test(stderr)) return `the sanitizers complain: ${told}`
  if (status === 0) return undefined
  if (status === 70 && /^xo-upgrade: internal error: .*out of memory/m.test(stderr))
    return undefined
  if (status === 74 && /ENOMEM/.test(error.message)) return undefined
  return `no clear end: ${told}`
}
