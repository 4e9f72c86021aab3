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

export function laptopHost(laptop: Laptop): Host {
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
    processes: processesOf(laptop),
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

function refuse(call: string): never {
  throw systemErrorOf(call, undefined, 'ENOSYS')
}

function processesOf({ argv, environment }: Laptop): Processes {
  return {
    argv,
    start({ command }) {
      // The disk may hold programs, but there is no processor to run them.
      throw systemErrorOf('spawn', command[0], 'ENOENT')
    },
    signal() {},
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
  const { clock, network, terminal } = laptop
  const complain = (text: string) => terminal.write(2, Buffer.from(text))
  const { name, text } = run.bundle
  const { memoryBytes, trace, killed } = run
  const host = laptopHost(laptop)
  const engine = await Engine.start({ name, text, host, memoryBytes, complain, trace })
  void engine.run().then(() => clock.lookAgain())
  const kill = () => engine.stop(EXIT_KILLED)
  if (killed?.aborted) kill()
  killed?.addEventListener('abort', kill)
  if (!(await clock.pass(() => engine.status !== undefined))) {
    complain('xo-upgrade: internal error: it waits for what can never come\n')
    engine.stop(EXIT_INTERNAL_ERROR)
  }
  killed?.removeEventListener('abort', kill)
  network.closeAll()
  const memory = engine.memory()
  engine.dispose()
  return { status: engine.status ?? EXIT_INTERNAL_ERROR, memory }
}
