/** What the tests of the emulator share: a laptop in memory, and the bundle run on it in this process. */
import { readFileSync } from 'node:fs'
import { copyTree } from '../../runtime/emulator/disk/copy.ts'
import { put } from '../../runtime/emulator/disk-image.ts'
import { type Outcome, runOnLaptop } from '../../runtime/emulator/laptop.ts'
import { outsidePeers } from '../../runtime/emulator/outside.ts'
import { VirtualClock } from '../../runtime/emulator/virtual-clock.ts'
import { VirtualDisk } from '../../runtime/emulator/virtual-disk.ts'
import { virtualFiles } from '../../runtime/emulator/virtual-files.ts'
import { type Shape, UNSHAPED } from '../../runtime/emulator/virtual-line.ts'
import { type Peers, VirtualNetwork } from '../../runtime/emulator/virtual-network.ts'
import type { Files } from '../../src/host.ts'

const BUNDLE = 'build/xo-upgrade.js'
export const MEMORY_BYTES = 24 * 1024 * 1024

// biome-ignore lint/suspicious/noExplicitAny: JSON lines are whatever the program writes.
type Event = Record<string, any>

export interface EmulatedRun extends Outcome {
  stdout: string
  stderr: string
  /** The JSON lines of stdout, if `--json` was given. */
  events: Event[]
  last: Event
  network: VirtualNetwork
  /** How long it took by the laptop's clock. */
  elapsedMs: number
  trace: string[]
}

export interface RunOptions {
  net?: Partial<Shape>
  seed?: number
  memoryBytes?: number
  peers?: (clock: VirtualClock) => Peers
  traced?: boolean
  nextSignal?: () => Promise<number>
}

/** A laptop whose disk stays from run to run. */
export class EmulatedLaptop {
  readonly files: Files

  constructor(readonly disk = new VirtualDisk({ bytes: 512 * 1024 * 1024 })) {
    this.files = virtualFiles(this.disk)
  }

  /** A file or folder of this machine, copied to the disk. */
  put(source: string, path: string): void {
    put(this.files, source, path)
  }

  /** A folder of the laptop, copied to one of another host's. */
  copyOut(path: string, files: Files, target: string): void {
    const [from, to] = [this.files.openRoot(path), files.openRoot(target)]
    copyTree({ files: this.files, root: from }, { files, root: to })
    this.files.close(from)
    files.close(to)
  }

  async run(words: string[], options: RunOptions = {}): Promise<EmulatedRun> {
    const { seed = 1, memoryBytes = MEMORY_BYTES, peers = outsidePeers, nextSignal } = options
    const clock = new VirtualClock()
    const network = new VirtualNetwork(clock, peers(clock), { ...UNSHAPED, ...options.net }, seed)
    const written = ['', '', '']
    const terminal = {
      write(fd: number, bytes: Uint8Array) {
        written[fd] += Buffer.from(bytes).toString()
      },
      isTerminal: false,
      columns: () => 80,
    }
    const trace: string[] = []
    const bundle = { name: BUNDLE, text: readFileSync(BUNDLE, 'utf8') }
    const argv = ['xo-upgrade', ...words]
    const { disk } = this
    const files = virtualFiles(disk)
    const environment = {}
    const laptop = { files, clock, network, terminal, seed, argv, environment, nextSignal }
    const note = options.traced ? (line: string) => void trace.push(line) : undefined
    const outcome = await runOnLaptop(laptop, { bundle, memoryBytes, trace: note })
    const [, stdout = '', stderr = ''] = written
    const lines = stdout.split('\n').filter((line) => line.startsWith('{'))
    const events: Event[] = lines.map((line) => JSON.parse(line))
    const elapsedMs = clock.nowMs()
    return {
      ...outcome,
      stdout,
      stderr,
      events,
      last: events.at(-1) ?? {},
      network,
      elapsedMs,
      trace,
    }
  }
}
