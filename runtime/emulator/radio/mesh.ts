/**
 * Stations and how they reach each other over several hops. Each packet goes along the way that takes the
 * least air (802.11s' airtime metric: how long an exchange takes, times how often it has to be sent),
 * over stations that are on; each hop takes the air once more. Multicast is flooded: whoever hears it
 * for the first time sends it on once. Stations with a cable reach each other without air.
 */

import { classAt, exchangeUs, lossAt, type RateClass, SEGMENT_BYTES } from './air-time.ts'
import { type Medium, Place, Sender } from './medium.ts'

interface Spot {
  place: Place
  /** In metres, on one plane. */
  x: number
  y: number
}

export class Station {
  sender: Sender
  /** Gets the datagrams that are flooded. */
  heard: (datagram: object) => void = () => {}

  constructor(
    readonly name: string,
    /** Undefined: it has no radio. */
    readonly spot: Spot | undefined,
    readonly wired = false,
  ) {
    this.sender = new Sender(spot?.place ?? new Place())
  }
}

interface Hop {
  station: Station
  /** Undefined: over a cable. */
  air: { rate: RateClass; loss: number } | undefined
}

/** What a full segment costs over that link, in microseconds of air. */
function costOf({ air }: Hop): number {
  return air ? exchangeUs(SEGMENT_BYTES, air.rate) / (1 - air.loss) : 0
}

function linkOf(from: Station, station: Station): Hop | undefined {
  if (from.wired && station.wired) return { station, air: undefined }
  if (!from.spot || !station.spot?.place.near.has(from.spot.place)) return undefined
  const distanceM = Math.hypot(from.spot.x - station.spot.x, from.spot.y - station.spot.y)
  const rate = classAt(distanceM)
  return rate && { station, air: { rate, loss: lossAt(distanceM, rate) } }
}

export class Mesh {
  readonly stations: Station[] = []
  readonly #links = new Map<Station, Hop[]>()
  /** For each target: the next hop of each station; forgotten when somebody comes or goes. */
  readonly #ways = new Map<Station, Map<Station, Hop>>()

  constructor(readonly medium: Medium) {}

  add(station: Station): Station {
    const own: Hop[] = []
    for (const other of this.stations) {
      const [there, back] = [linkOf(station, other), linkOf(other, station)]
      if (there) own.push(there)
      if (back) this.#links.get(other)?.push(back)
    }
    this.#links.set(station, own)
    this.stations.push(station)
    this.#ways.clear()
    return station
  }

  switchOff(station: Station): void {
    this.medium.switchOff(station.sender)
    this.#ways.clear()
  }

  switchOn(station: Station): void {
    if (station.sender.on) return
    station.sender = new Sender(station.spot?.place ?? new Place())
    this.#ways.clear()
  }

  /** How many times a packet between the two takes the air; undefined: there is no way. */
  hops(from: Station, to: Station): number | undefined {
    let count = 0
    for (let at = from; at !== to; ) {
      const hop = this.#next(at, to)
      if (!hop) return undefined
      if (hop.air) count++
      at = hop.station
    }
    return count
  }

  /** Sends a packet all the way. It may be lost; only who gets it hears of it. */
  send(from: Station, to: Station, packetBytes: number, arrived: () => void): void {
    if (from === to) {
      if (from.sender.on) arrived()
      return
    }
    const hop = this.#next(from, to)
    if (!hop) return
    const { station, air } = hop
    const goOn = () => {
      if (station.sender.on) this.send(station, to, packetBytes, arrived)
    }
    if (!air) goOn()
    else {
      const done = (there: boolean) => {
        if (there) goOn()
      }
      const target = { station: station.sender, ...air }
      this.medium.send(from.sender, { packetBytes, to: target, done })
    }
  }

  /** Multicast to every station that it reaches, over `hopsMax` hops. */
  flood(from: Station, packetBytes: number, datagram: object, hopsMax = Infinity): void {
    const known = new Set([from])
    const sendOn = (station: Station, hopsLeft: number): void => {
      const done = (clear: boolean) => {
        if (!clear) return
        for (const { station: near, air } of this.#links.get(station) ?? []) {
          if (known.has(near) || !near.sender.on) continue
          // Every link reaches at the basic rate; one of the faster class loses no more at it.
          if (air && this.medium.chance(air.loss)) continue
          known.add(near)
          near.heard(datagram)
          if (hopsLeft > 1) sendOn(near, hopsLeft - 1)
        }
      }
      if (station.spot) this.medium.send(station.sender, { packetBytes, to: undefined, done })
      else done(true)
    }
    sendOn(from, hopsMax)
  }

  #next(from: Station, to: Station): Hop | undefined {
    let way = this.#ways.get(to)
    if (!way) {
      way = this.#waysTo(to)
      this.#ways.set(to, way)
    }
    return way.get(from)
  }

  /** Dijkstra, from the target outwards: links are alike in both directions. */
  #waysTo(to: Station): Map<Station, Hop> {
    const cost = new Map<Station, number>([[to, 0]])
    const way = new Map<Station, Hop>()
    const open = new Set(this.stations.filter(({ sender }) => sender.on))
    for (;;) {
      let nearest: Station | undefined
      let leastCost = Infinity
      for (const station of open) {
        const known = cost.get(station) ?? Infinity
        if (known >= leastCost) continue
        nearest = station
        leastCost = known
      }
      if (!nearest) return way
      open.delete(nearest)
      for (const hop of this.#links.get(nearest) ?? []) {
        const reached = leastCost + costOf(hop)
        if (!open.has(hop.station) || reached >= (cost.get(hop.station) ?? Infinity)) continue
        cost.set(hop.station, reached)
        way.set(hop.station, { station: nearest, air: hop.air })
      }
    }
  }
}
