/**
 * A machine of the simulated school: the bundle that ships, in the wasm QuickJS, on a disk in memory and at
 * a place of the radio. All machines share one clock. Disks are snapshots, which share what nobody
 * has changed since.
 */
import { type Laptop, type Outcome, startOnLaptop } from '../../runtime/emulator/laptop.ts'
import { LocalSockets } from '../../runtime/emulator/local-sockets.ts'
import type { Station } from '../../runtime/emulator/radio/mesh.ts'
import type { Radio } from '../../runtime/emulator/radio/radio.ts'
import type { VirtualClock } from '../../runtime/emulator/virtual-clock.ts'
import type { VirtualDisk } from '../../runtime/emulator/virtual-disk.ts'
import { virtualFiles } from '../../runtime/emulator/virtual-files.ts'
import { UNSHAPED } from '../../runtime/emulator/virtual-line.ts'
import { VirtualNetwork } from '../../runtime/emulator/virtual-network.ts'
import type { Event } from '../support/device.ts'

/** The emulator's own default (docs/EMULATOR.md). */
const MEMORY_BYTES = 24 * 1024 * 1024
/** Each run has other random numbers than the one before, and each machine others than the next. */
const RUNS_MAX = 1000
const EXIT_KILLED = 137

export interface World {
  clock: VirtualClock
  radio: Radio
  seed: number
  bundle: { name: string; text: string }
}

interface Ran extends Outcome {
  /** The JSON lines that it wrote. */
  events: Event[]
  stderr: string
}

export class Machine {
  readonly #world: World
  #disk: VirtualDisk
  #local = new LocalSockets()
  #power = new AbortController()
  #runs = 0
  #busy = 0

  constructor(
    world: World,
    readonly station: Station,
    disk: VirtualDisk,
    /** Among all machines of the world. */
    readonly number: number,
    readonly memoryBytes = MEMORY_BYTES,
  ) {
    this.#world = world
    this.#disk = disk.snapshot()
  }

  /** Runs a command line to its end, and hands each JSON line on as it comes. */
  async run(words: string[], told: (event: Event) => void = () => {}): Promise<Ran> {
    const { clock, bundle } = this.#world
    const events: Event[] = []
    const written = ['', '', '']
    const heard = (fd: number, text: string) => {
      const lines = ((written[fd] ?? '') + text).split('\n')
      if (fd === 1) written[fd] = lines.pop() ?? ''
      else written[fd] = lines.join('\n')
      for (const line of fd === 1 ? lines : []) {
        if (!line.startsWith('{')) continue
        const event = JSON.parse(line) as Event
        events.push(event)
        told(event)
      }
    }
    // An engine is made by the real clock; the school's stands still for that long.
    const release = clock.hold()
    const killed = this.#power.signal
    const starting = startOnLaptop(this.#laptop(words, heard), {
      bundle,
      memoryBytes: this.memoryBytes,
      killed,
    })
    const { ended } = await starting.finally(release)
    this.#busy++
    const outcome = await ended
    this.#busy--
    return { ...outcome, events, stderr: written[2] ?? '' }
  }

  /** Whether a program runs. */
  get isBusy(): boolean {
    return this.#busy > 0
  }

  /** Whatever runs on it ends without a word, and nothing that was open is open any more. */
  switchOff(): void {
    this.#power.abort()
    this.#world.radio.switchOff(this.station)
  }

  switchOn(): void {
    this.#power = new AbortController()
    this.#disk = this.#disk.snapshot()
    this.#local = new LocalSockets()
    this.#world.radio.mesh.switchOn(this.station)
  }

  #laptop(words: string[], heard: (fd: number, text: string) => void): Laptop {
    const { clock, radio, seed } = this.#world
    const own = (seed * RUNS_MAX + this.number) * RUNS_MAX + this.#runs++
    const peers = radio.peersOf(this.station)
    return {
      files: virtualFiles(this.#disk),
      clock,
      network: new VirtualNetwork(clock, peers, UNSHAPED, own, this.#local),
      terminal: {
        write: (fd, bytes) => heard(fd, Buffer.from(bytes).toString('latin1')),
        isTerminal: false,
        columns: () => 80,
      },
      seed: own,
      argv: ['xo-upgrade', ...words],
      environment: {},
    }
  }
}

export const wasKilled = ({ status }: Ran): boolean => status === EXIT_KILLED
