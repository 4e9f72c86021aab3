/**
 * The shared medium: who may send when, who collides, and how long each place's air is taken
 * (air-time.ts has the model). A place is where all hear the same. A frame takes the air of its sender's
 * and its receiver's place and of all next to them, so on a chain of places every third one can send at
 * once (Li, Blake, De Couto, Lee and Morris, "Capacity of Ad Hoc Wireless Networks", MobiCom 2001).
 */
import { SeededRandom } from '../random.ts'
import {
  BASIC_RATE,
  DIFS_US,
  exchangeUs,
  frameUs,
  type RateClass,
  RETRIES_MAX,
  SLOT_US,
  WINDOW_MAX,
  WINDOW_MIN,
} from './air-time.ts'
import { Earliest } from './events.ts'

interface Frame {
  packetBytes: number
  /** Undefined: multicast, to whoever is near. */
  to: { station: Sender; rate: RateClass; loss: number } | undefined
  /** Whether it was acknowledged; of multicast, whether nobody disturbed it. */
  done(arrived: boolean): void
}

/** The side of a station that faces the medium. */
export class Sender {
  on = true
  readonly queue: Frame[] = []
  window = WINDOW_MIN
  tries = 0
  /** Whether it counts slots, waits for its receiver's place, or sends. */
  active = false

  constructor(readonly place: Place) {}
}

export class Place {
  /** With itself. */
  readonly near = new Set<Place>([this])
  busyUntilUs = 0
  /** How long its air was taken. */
  busyUs = 0
  /** Who waits, by the slot in which he will send. */
  readonly waiting = new Earliest<Sender>()
  /** From when slots are counted, and how many had passed then. */
  #countedFromUs = 0
  #slots = 0

  nextTo(other: Place): void {
    this.near.add(other)
    other.near.add(this)
  }

  /** When the first of those that wait would send. */
  get nextUs(): number {
    return this.#countedFromUs + (this.waiting.at - this.#slots) * SLOT_US
  }

  join(sender: Sender, backoff: number, nowUs: number): void {
    // On an idle medium DIFS comes first, in whole slots.
    const sensed = nowUs > this.#countedFromUs ? Math.ceil(DIFS_US / SLOT_US) : 0
    this.waiting.add(this.#slotsAt(nowUs) + sensed + backoff, sender)
  }

  take(fromUs: number, untilUs: number): void {
    this.#slots = this.#slotsAt(fromUs)
    const before = Math.max(this.busyUntilUs, fromUs - DIFS_US)
    this.busyUs += Math.max(0, untilUs - before)
    this.busyUntilUs = Math.max(this.busyUntilUs, untilUs)
    this.#countedFromUs = this.busyUntilUs + DIFS_US
  }

  #slotsAt(us: number): number {
    if (us <= this.#countedFromUs) return this.#slots
    return this.#slots + Math.floor((us - this.#countedFromUs) / SLOT_US)
  }
}

interface AirUse {
  /** Of all frames together, wherever they were sent. */
  airUs: number
  frames: number
  /** Frames that had to be sent again: disturbed by another, or lost on the way. */
  collisions: number
  losses: number
  /** Frames that were given up. */
  dropped: number
}

export class Medium {
  #nowUs = 0
  readonly use: AirUse = { airUs: 0, frames: 0, collisions: 0, losses: 0, dropped: 0 }
  readonly #random: SeededRandom
  readonly #later = new Earliest<() => void>()
  /** Told when something may be due earlier than before. */
  onChange: () => void = () => {}

  constructor(
    readonly places: readonly Place[],
    seed: number,
    /** What time it is for those who send, where that is not the time of the last thing that happened. */
    readonly timeUs = () => 0,
  ) {
    this.#random = new SeededRandom(seed, 'radio')
  }

  get nowUs(): number {
    return Math.max(this.#nowUs, this.timeUs())
  }

  /** When the next thing happens; Infinity if nothing will. */
  get nextUs(): number {
    let nextUs = this.#later.at
    for (const place of this.places) nextUs = Math.min(nextUs, place.nextUs)
    return nextUs
  }

  /** Lets that next thing happen. */
  step(): void {
    let nextUs = this.#later.at
    let first: Place | undefined
    for (const place of this.places) {
      if (place.nextUs >= nextUs) continue
      nextUs = place.nextUs
      first = place
    }
    if (nextUs === Infinity) return
    this.#nowUs = Math.max(this.#nowUs, nextUs)
    if (first) this.#begin(first)
    else this.#later.take()?.()
  }

  at(us: number, run: () => void): void {
    this.#later.add(us, run)
    this.onChange()
  }

  send(sender: Sender, frame: Frame): void {
    if (!sender.on) return
    sender.queue.push(frame)
    if (sender.active) return
    this.#contend(sender)
    this.onChange()
  }

  /** Whether something that happens with this chance does. */
  chance(share: number): boolean {
    return this.#random.fraction() < share
  }

  switchOff(sender: Sender): void {
    sender.on = false
    sender.queue.length = 0
  }

  #contend(sender: Sender): void {
    sender.active = true
    sender.place.join(sender, this.#random.below(sender.window + 1), this.nowUs)
  }

  /** The first of a place sends, and with him all who could not hear him in time. */
  #begin(place: Place): void {
    const nowUs = this.nowUs
    const sender = this.#ready(place)
    if (!sender) return
    const heard = reachOf(sender)
    const together = [sender]
    for (const other of heard) {
      while (other.nextUs < nowUs + SLOT_US) {
        const second = this.#ready(other)
        if (second) together.push(second)
      }
    }
    const lengths = together.map((each) => lengthUs(each.queue[0]))
    const endUs = nowUs + Math.max(...lengths)
    together.forEach((each, index) => {
      this.use.frames++
      this.use.airUs += DIFS_US + (lengths[index] ?? 0)
      for (const reached of reachOf(each)) reached.take(nowUs, endUs)
    })
    const disturbed = together.length > 1
    if (disturbed) this.use.collisions += together.length
    this.at(endUs, () => {
      for (const each of together) this.#end(each, disturbed)
    })
  }

  /** Whoever is first in that place, if his receiver's place is idle; else he tries again when it is. */
  #ready(place: Place): Sender | undefined {
    const sender = place.waiting.take()
    const frame = sender?.queue[0]
    if (!sender || !frame) {
      if (sender) sender.active = false
      return undefined
    }
    const busyUntilUs = frame.to?.station.place.busyUntilUs ?? 0
    if (busyUntilUs <= this.nowUs) return sender
    this.at(busyUntilUs, () => this.#contend(sender))
    return undefined
  }

  #end(sender: Sender, disturbed: boolean): void {
    const [frame] = sender.queue
    sender.active = false
    if (!frame) return
    const { to } = frame
    const lost = !disturbed && to !== undefined && (!to.station.on || this.chance(to.loss))
    if (lost) this.use.losses++
    const failed = disturbed || lost
    if (failed && to && sender.tries < RETRIES_MAX) {
      sender.tries++
      sender.window = Math.min(2 * sender.window + 1, WINDOW_MAX)
      this.#contend(sender)
      return
    }
    if (failed) this.use.dropped++
    sender.queue.shift()
    sender.tries = 0
    sender.window = WINDOW_MIN
    if (sender.queue.length > 0) this.#contend(sender)
    frame.done(!failed)
  }
}

function lengthUs(frame: Frame | undefined): number {
  if (!frame) return 0
  const { packetBytes, to } = frame
  return to ? exchangeUs(packetBytes, to.rate) : frameUs(packetBytes, BASIC_RATE)
}

/** The places whose air the first frame of that sender takes. */
function reachOf(sender: Sender): Set<Place> {
  const to = sender.queue[0]?.to?.station.place
  if (!to || to === sender.place) return sender.place.near
  return new Set([...sender.place.near, ...to.near])
}
