/**
 * One way for a whole school to take an upgrade: everybody learns of it within a few minutes, runs what
 * the scenario says until it has it, and the radio counts. What a machine does is its bundle's business.
 */
import { Radio } from '../../runtime/emulator/radio/radio.ts'
import { SeededRandom } from '../../runtime/emulator/random.ts'
import { VirtualClock } from '../../runtime/emulator/virtual-clock.ts'
import type { VirtualDisk } from '../../runtime/emulator/virtual-disk.ts'
import { configure, type Disks, MODULE } from './disks.ts'
import { Machine, type World, wasKilled } from './machine.ts'
import type { Pair, StockCost } from './pair.ts'
import { serveStock, takeByStock } from './stock.ts'
import { layOut, type Village } from './village.ts'

/** Within this time after the release everybody has heard of it. */
const SPREAD_MS = 60_000
/** A school's server has more memory than a laptop. */
const SERVER_MEMORY_BYTES = 128 * 1024 * 1024
/** How long a laptop waits after a run that got nothing, as its daemon would. */
const RETRY_MS = 60_000
const RUNS_MAX = 100
/** Whoever loses his power does so within this time after he began, and is away for as long at most. */
const LEAVES_WITHIN_MS = 10_000
const AWAY_MAX_MS = 600_000
/** sysexits' EX_TEMPFAIL: nothing is wrong, and later it may work. */
const EXIT_LATER = 75
/** The server is the machine of this number; laptops are counted from the next one. */
const SERVER = 0

export interface Way {
  name: string
  /** A stock rsync each, of which only the bytes are known. */
  stock?: boolean
  /** What `upgrade` is given. */
  words?: string[]
  /** Whoever has it runs the daemon, which serves and answers neighbours. */
  neighbours?: boolean
  /** The school's server goes off as soon as one laptop has it. */
  serverOff?: boolean
  /** The share of laptops that lose their power once while they are at it. */
  leaving?: number
}

interface School {
  laptops: number
  hops: number
  accessPoints: number
  seed: number
  pair: Pair
  stock: StockCost
  disks: Disks
  bundle: { name: string; text: string }
}

export interface Figures {
  name: string
  /** Air that all frames took together, and how long the air of the busiest place was taken. */
  airSeconds: number
  busiestSeconds: number
  /** Both ways, headers not counted: what the line to the server carries if it is not in the school. */
  serverBytes: number
  /** When half of them, nine of ten and the last had it. */
  halfSeconds: number
  mostSeconds: number
  allSeconds: number
  /** Of all frames: sent again because two met, or because one was lost on the way. */
  collided: number
  lost: number
  /** Laptops that lost their power on the way. */
  left: number
  /** Laptops that had it from another one. */
  fromNeighbours: number
}

/** Lets the school take the upgrade that way. */
export async function take(school: School, way: Way): Promise<Figures> {
  const scene = new Scene(school, way)
  return scene.play()
}

class Scene {
  readonly #clock = new VirtualClock()
  readonly #random: SeededRandom
  readonly #village: Village
  readonly #radio: Radio
  readonly #world: World
  readonly #doneMs: number[] = []
  readonly #machines: Machine[] = []
  readonly #laptopDisk: VirtualDisk
  #left = 0
  #fromNeighbours = 0

  constructor(
    readonly school: School,
    readonly way: Way,
  ) {
    const { seed, bundle, pair } = school
    this.#random = new SeededRandom(seed, 'school')
    this.#village = layOut(school)
    const { places, server, accessPoints, laptops } = this.#village
    this.#radio = new Radio({ clock: this.#clock, places, seed, weight: pair.weight })
    for (const station of [server, ...accessPoints, ...laptops]) this.#radio.add(station)
    this.#laptopDisk = school.disks.laptop.snapshot()
    const peers = this.way.neighbours ? 'before-school' : 'off'
    const sources = ['[sources]', 'school = rsync://schoolserver/xo', `peers = ${peers}`]
    configure(this.#laptopDisk, [...sources, '[serve]', 'enabled = yes'])
    this.#world = { clock: this.#clock, radio: this.#radio, seed, bundle }
  }

  async play(): Promise<Figures> {
    const { laptops, server } = this.#village
    const { way, school } = this
    const serving = way.stock ? serveStock(this.#radio, server, school.stock) : this.#serve()
    let failure: unknown
    const fail = (error: unknown) => {
      failure ??= error
      this.#clock.lookAgain()
    }
    serving.catch(fail)
    for (const [number, station] of laptops.entries()) {
      const startMs = this.#random.fraction() * SPREAD_MS
      this.#clock.after(startMs, () => {
        const work = way.stock
          ? takeByStock(this.#radio, station, server, school.stock)
          : this.#upgrade(number)
        work.then(() => this.#hasIt()).catch(fail)
      })
    }
    const isOver = () => failure !== undefined || this.#doneMs.length === laptops.length
    const went = await this.#clock.pass(isOver)
    for (const machine of this.#machines) machine.switchOff()
    if (failure !== undefined) throw failure
    if (!went)
      throw new Error(`${way.name}: only ${this.#doneMs.length} of ${laptops.length} got it`)
    return this.#figures()
  }

  #hasIt(): void {
    this.#doneMs.push(this.#clock.nowMs())
    const [server] = this.#machines
    if (this.way.serverOff && server?.isBusy) server.switchOff()
  }

  /** The server's own program, for as long as the scene lasts. */
  async #serve(): Promise<void> {
    const { server } = this.#village
    const disk = this.school.disks.server
    const machine = new Machine(this.#world, server, disk, SERVER, SERVER_MEMORY_BYTES)
    this.#machines.push(machine)
    const ran = await machine.run(['serve', '--json', '--module', MODULE])
    if (wasKilled(ran)) return
    const { status, stderr, events } = ran
    const last = JSON.stringify(events.at(-1))
    throw new Error(`the school server ended with ${status}: ${stderr}${last}`)
  }

  /** One laptop, from when it hears of the release until it has it. */
  async #upgrade(number: number): Promise<void> {
    const station = this.#village.laptops[number]
    if (!station) return
    const machine = new Machine(this.#world, station, this.#laptopDisk, SERVER + 1 + number)
    this.#machines.push(machine)
    const back = this.#mayLeave(machine)
    const words = ['upgrade', '--json', '--wait', ...(this.way.words ?? [])]
    for (let runs = 0; runs < RUNS_MAX; runs++) {
      const ran = await machine.run(words)
      const last = ran.events.at(-1)
      if (ran.status === 0 && last?.outcome === 'staged') {
        if (`${last.source}`.startsWith('neighbour')) this.#fromNeighbours++
        if (this.way.neighbours) void machine.run(['daemon', '--json'])
        return
      }
      if (wasKilled(ran)) await back
      else if (ran.status === EXIT_LATER) await this.#clock.asHost.sleep(RETRY_MS)
      else {
        const said = `${ran.stderr}${JSON.stringify(last)}`
        throw new Error(`${station.name} ended with ${ran.status}: ${said}`)
      }
    }
    throw new Error(`${station.name} had no upgrade after ${RUNS_MAX} runs`)
  }

  /** Some lose their power once, soon after they began, and come back; resolves when it is there again. */
  async #mayLeave(machine: Machine): Promise<void> {
    const leaves = this.#random.fraction() < (this.way.leaving ?? 0)
    const leaveMs = this.#random.fraction() * LEAVES_WITHIN_MS
    const awayMs = this.#random.fraction() * AWAY_MAX_MS
    if (!leaves) return
    await this.#clock.asHost.sleep(leaveMs)
    if (!machine.isBusy) return
    this.#left++
    machine.switchOff()
    await this.#clock.asHost.sleep(awayMs)
    machine.switchOn()
  }

  #figures(): Figures {
    const { use } = this.#radio.mesh.medium
    const times = [...this.#doneMs].sort((one, other) => one - other)
    const at = (share: number) => (times[Math.ceil(share * times.length) - 1] ?? 0) / 1000
    const busy = this.#village.places.map(({ busyUs }) => busyUs)
    return {
      name: this.way.name,
      airSeconds: use.airUs / 1e6,
      busiestSeconds: Math.max(...busy) / 1e6,
      serverBytes: this.#radio.bytesAt(this.#village.server),
      halfSeconds: at(0.5),
      mostSeconds: at(0.9),
      allSeconds: at(1),
      collided: use.collisions / use.frames,
      lost: use.losses / use.frames,
      left: this.#left,
      fromNeighbours: this.#fromNeighbours,
    }
  }
}
