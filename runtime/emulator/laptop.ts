/**
 * The emulated laptop as a host: what native modules are there, over a virtual disk, a virtual clock, a
 * virtual network and one seed. The modules that only compute are the Node sides.
 */
import { makeChecksums } from '../../native/checksums/checksums.node.ts'
import { makeDelta } from '../../native/delta/delta.node.ts'
import { packCoder } from '../../native/pack-coder/pack-coder.node.ts'
import { makePacks } from '../../native/packs/packs.node.ts'
import { makeSending } from '../../native/sending/sending.node.ts'
import { signatures } from '../../native/signatures/signatures.node.ts'
import { system } from '../../native/system/system.node.ts'
import { systemErrorOf } from '../../native/system-error.node.ts'
import { makeTrees } from '../../native/trees/trees.node.ts'
import type { Fd, Files, Host, Path, Processes } from '../../src/host.ts'
import { Engine, type MemoryUse } from './engine.ts'
import { SeededRandom } from './random.ts'
import type { VirtualClock } from './virtual-clock.ts'
import type { VirtualNetwork } from './virtual-network.ts'

export interface Terminal {
  /** To stdout (1) or stderr (2). */
  write(fd: Fd, bytes: Uint8Array): void
  isTerminal: boolean
  columns(): number
}

export interface Laptop {
  files: Files
  clock: VirtualClock
  network: VirtualNetwork
  terminal: Terminal
  seed: number
  /** The command line, program name first. */
  argv: Path[]
  environment: Record<string, Path>
  /** Gives the signals that somebody sends, if anybody can; while it waits, the laptop's time follows the machine's. */
  nextSignal?: (() => Promise<number>) | undefined
}

const EXIT_INTERNAL_ERROR = 70

/** What the kernel calls the program that runs. */
const OWN_PROGRAM = '/proc/self/exe'
const EXIT_BY_SIGNAL = 128

/** `startOwn`: starts the laptop's own program once more, with its output to somebody else. */
export function laptopHost(laptop: Laptop, startOwn?: (started: Laptop) => Started): Host {
  const { clock, network, seed, nextSignal } = laptop
  const random = new SeededRandom(seed, 'random')
  const files = withTerminal(laptop.files, laptop.terminal)
  const checksums = makeChecksums(files)
  return {
    files,
    checksums,
    trees: makeTrees(files, checksums),
    delta: makeDelta(files),
    packCoder,
    packs: makePacks(files),
    sending: makeSending(files),
    sockets: network.asHost,
    processes: processesOf(laptop, startOwn),
    signatures,
    random: { randomBytes: (length) => random.bytes(length) },
    clock: clock.asHost,
    // What could be given up is the emulator's own.
    confinement: {
      confine: () => refuse('seccomp'),
      isOutdated: () => false,
      identity: () => undefined,
    },
    // A program of the running system: it has no business with mounts, devices and power.
    system: {
      ...system,
      environment: () => variablesOf(laptop),
      setUmask: () => 0o022,
      ...(nextSignal && { nextSignal: () => clock.outsideOf(nextSignal()) }),
    },
  }
}

function variablesOf({ environment }: Laptop): Path[] {
  return Object.entries(environment).map(([name, value]) => `${name}=${value}`)
}

function withTerminal(files: Files, terminal: Terminal): Files {
  const isTerminals = (fd: Fd) => fd >= 0 && fd <= 2
  return {
    ...files,
    read: (fd, ...window) => (fd === 0 ? 0 : files.read(fd, ...window)),
    write(fd, buffer, offset, length) {
      if (!isTerminals(fd)) files.write(fd, buffer, offset, length)
      else terminal.write(fd, buffer.subarray(offset, offset + length))
    },
    isTerminal: (fd) => isTerminals(fd) && terminal.isTerminal,
    terminalWidth: (fd) => (isTerminals(fd) && terminal.isTerminal ? terminal.columns() : 80),
  }
}

/** What has a process number of its own; nobody looks at it. */
const FIRST_CHILD = 100

function splitAt(line: string, mark: string): [string, string] {
  const place = line.indexOf(mark)
  return [line.slice(0, place), line.slice(place + 1)]
}

function refuse(call: string): never {
  throw systemErrorOf(call, undefined, 'ENOSYS')
}

interface Started {
  ended: Promise<number>
  stop(status: number): void
}

function processesOf(laptop: Laptop, startOwn?: (started: Laptop) => Started): Processes {
  const { argv, environment } = laptop
  const running = new Map<object, Started>()
  return {
    argv,
    start({ command, environment, pipe }) {
      // The disk may hold programs, but there is no processor to run any other than ours.
      if (command[0] !== OWN_PROGRAM || !startOwn) {
        throw systemErrorOf('spawn', command[0], 'ENOENT')
      }
      const network = laptop.network.beside()
      const { here, there } = laptop.network.pipe()
      const write = (fd: number, bytes: Uint8Array) => {
        // Whoever no longer reads is gone, and we with it.
        if (fd === 1 && pipe) there.write(bytes).catch(() => {})
        else laptop.terminal.write(2, bytes)
      }
      const started = startOwn({
        ...laptop,
        network,
        terminal: { ...laptop.terminal, write, isTerminal: false },
        argv: ['xo-upgrade', ...command.slice(1)],
        environment: Object.fromEntries(environment.map((line) => splitAt(line, '='))),
        nextSignal: undefined,
      })
      const ended = started.ended.finally(() => there.close())
      const process = { pid: FIRST_CHILD + running.size, stream: pipe ? here : undefined, ended }
      running.set(process, started)
      return process
    },
    signal: (process, signal) => running.get(process)?.stop(EXIT_BY_SIGNAL + signal),
    standApart: () => refuse('fork'),
    startAnew: () => refuse('execve'),
    variable: (name) => environment[name],
    userId: () => 0,
    exit() {
      throw new Error('the engine has its own exit')
    },
  }
}

export interface Run {
  /** The bundle, byte for byte. */
  bundle: { name: string; text: string }
  memoryBytes: number
  /** Sees every call of a native module and its answer. */
  trace?: ((line: string) => void) | undefined
  /** Ends the program from outside, without a word to it. */
  killed?: AbortSignal | undefined
}

const EXIT_KILLED = 137

export interface Outcome {
  status: number
  memory: MemoryUse
}

/** Runs one command line on the laptop, to its end. */
export async function runOnLaptop(laptop: Laptop, run: Run): Promise<Outcome> {
  const { clock, terminal } = laptop
  const program = await startOnLaptop(laptop, run)
  if (!(await clock.pass(() => program.status !== undefined))) {
    terminal.write(2, Buffer.from('xo-upgrade: internal error: it waits for what can never come\n'))
    program.stop(EXIT_INTERNAL_ERROR)
  }
  return program.ended
}

interface Program {
  /** Undefined while it runs. */
  readonly status: number | undefined
  /** When it has run, and left nothing open. */
  readonly ended: Promise<Outcome>
  stop(status: number): void
}

/** Starts one command line on the laptop; somebody else has to let time pass. */
export async function startOnLaptop(laptop: Laptop, run: Run): Promise<Program> {
  const { clock, network, terminal } = laptop
  const complain = (text: string) => terminal.write(2, Buffer.from(text))
  const { name, text } = run.bundle
  const { memoryBytes, trace, killed } = run
  const children: Started[] = []
  const host = laptopHost(laptop, (child) => {
    const started = startBeside(child, run)
    children.push(started)
    return started
  })
  const engine = await Engine.start({ name, text, host, memoryBytes, complain, trace })
  const kill = () => engine.stop(EXIT_KILLED)
  const ended = engine.run().then((status) => {
    clock.lookAgain()
    killed?.removeEventListener('abort', kill)
    network.closeAll()
    // They see that nobody reads them, and end.
    for (const child of children) child.stop(EXIT_KILLED)
    const memory = engine.memory()
    engine.dispose()
    return { status, memory }
  })
  if (killed?.aborted) kill()
  killed?.addEventListener('abort', kill)
  return {
    get status() {
      return engine.status
    },
    ended,
    stop: (status) => engine.stop(status),
  }
}

/** The same program again on the same laptop; time stands still until it runs. */
function startBeside(laptop: Laptop, run: Run): Started {
  const release = laptop.clock.hold()
  const power = new AbortController()
  let status = EXIT_KILLED
  const starting = startOnLaptop(laptop, { ...run, killed: power.signal })
  const ended = starting
    .finally(release)
    .then((program) => program.ended)
    .then((outcome) => (power.signal.aborted ? status : outcome.status))
  return {
    ended,
    stop(by) {
      status = by
      power.abort()
    },
  }
}
