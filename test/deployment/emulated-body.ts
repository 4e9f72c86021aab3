/**
 * An emulated laptop of the deployment: the bundle in the wasm QuickJS over a disk in memory. Its
 * programs may run at the same time (a daemon, and `status` beside it), on one disk and one clock.
 */
import { readFileSync } from 'node:fs'
import { type Laptop, laptopHost, runOnLaptop } from '../../runtime/emulator/laptop.ts'
import { LocalSockets } from '../../runtime/emulator/local-sockets.ts'
import { VirtualClock } from '../../runtime/emulator/virtual-clock.ts'
import { VirtualDisk } from '../../runtime/emulator/virtual-disk.ts'
import { virtualFiles } from '../../runtime/emulator/virtual-files.ts'
import { UNSHAPED } from '../../runtime/emulator/virtual-line.ts'
import { type Peers, VirtualNetwork } from '../../runtime/emulator/virtual-network.ts'
import type { Host } from '../../src/host.ts'
import { arrayOfBytes } from '../../src/text.ts'
import type { Body, Running } from './network.ts'

const BUNDLE = 'build/xo-upgrade.js'
const DISK_BYTES = 256 * 1024 * 1024
/** The emulator's own default (docs/EMULATOR.md). */
const MEMORY_BYTES = 24 * 1024 * 1024
/**
 * Each run has other random numbers than the one before, and each laptop others than its neighbour.
 */
const RUNS_MAX = 1000

export class EmulatedBody implements Body {
  readonly store = '/xo'
  readonly keys = '/etc/xo-upgrade/keys'
  readonly configuration = '/etc/xo-upgrade.conf'
  #disk = new VirtualDisk({ bytes: DISK_BYTES })
  #clock = new VirtualClock()
  #local = new LocalSockets()
  #runs = 0
  readonly #running = new Set<AbortController>()

  constructor(
    readonly peers: (clock: VirtualClock) => Peers,
    readonly pushPort: number,
    readonly seed: number,
  ) {
    const files = virtualFiles(this.#disk)
    const root = files.openRoot('/')
    for (const path of ['etc', 'etc/xo-upgrade', 'etc/xo-upgrade/keys', 'run']) {
      files.makeDirectory(root, path, 0o755)
    }
    files.close(root)
  }

  write(path: string, text: string): void {
    const files = virtualFiles(this.#disk)
    const root = files.openRoot('/')
    const name = path.slice(1)
    if (files.stat(root, name)) files.removeFile(root, name)
    const fd = files.createFile(root, name, 0o644)
    const bytes = arrayOfBytes(text)
    files.write(fd, bytes, 0, bytes.length)
    files.close(fd)
    files.close(root)
  }

  host(): Host {
    return laptopHost(this.#program([], () => {}))
  }

  start(words: string[], told: (text: string) => void): Running {
    if (this.#running.size === 0) this.#switchOn()
    const power = new AbortController()
    this.#running.add(power)
    const ended = this.#run(words, told, power.signal).finally(() => this.#running.delete(power))
    return {
      ended,
      async kill() {
        power.abort()
        await ended
      },
    }
  }

  /** Whatever is running on it ends. */
  off(): void {
    for (const power of this.#running) power.abort()
  }

  async #run(words: string[], told: (text: string) => void, killed: AbortSignal) {
    const bundle = { name: BUNDLE, text: readFileSync(BUNDLE, 'utf8') }
    const program = this.#program(words, told)
    const { status } = await runOnLaptop(program, { bundle, memoryBytes: MEMORY_BYTES, killed })
    return killed.aborted ? null : status
  }

  /** Nothing that ran before is open any more, and its clock goes on from ours. */
  #switchOn(): void {
    this.#disk = this.#disk.snapshot()
    const before = this.#clock.asHost.wallSeconds()
    this.#clock = new VirtualClock(Math.max(before, Date.now() / 1000))
    this.#local = new LocalSockets()
  }

  #program(words: string[], told: (text: string) => void): Laptop {
    const clock = this.#clock
    const seed = this.seed * RUNS_MAX + this.#runs++
    const network = new VirtualNetwork(clock, this.peers(clock), UNSHAPED, seed, this.#local)
    return {
      files: virtualFiles(this.#disk),
      clock,
      network,
      terminal: {
        write: (_fd, bytes) => told(Buffer.from(bytes).toString('latin1')),
        isTerminal: false,
        columns: () => 80,
      },
      seed,
      argv: ['xo-upgrade', ...words],
      environment: {},
    }
  }
}
