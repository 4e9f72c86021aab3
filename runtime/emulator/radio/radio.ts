/**
 * The network of a school: what each machine's VirtualNetwork finds at its far end when there is air
 * between them. Owns the addresses, who listens where, connecting, and datagrams; lets the medium's
 * events happen by the clock that all machines share.
 */
import type { Address, Interface } from 'native:sockets'
import { systemErrorOf } from '../../../native/system-error.node.ts'
import { systemError } from '../disk/system-error.ts'
import { LocalListener } from '../local-sockets.ts'
import type { VirtualClock } from '../virtual-clock.ts'
import type { Peers } from '../virtual-network.ts'
import type { Stream } from '../virtual-socket.ts'
import { ofTcp } from './air-time.ts'
import { AirDatagrams } from './datagrams.ts'
import { Medium, type Place } from './medium.ts'
import { Mesh, type Station } from './mesh.ts'
import { TcpEnd } from './tcp.ts'

/** How long a connection's first packet waits for its answer; then twice as long, and so on. */
const CONNECT_REPEAT_MS = 1000
const FIRST_FREE_PORT = 49_152
const STATIONS_IN_LAST_PART = 250
const BROADCAST = '10.73.255.255'

interface School {
  clock: VirtualClock
  places: readonly Place[]
  seed: number
  /** Bytes of air for each byte of a stream. */
  weight: number
}

export class Radio {
  readonly mesh: Mesh
  readonly #byAddress = new Map<string, Station>()
  readonly #addresses = new Map<Station, string>()
  readonly #listeners = new Map<string, LocalListener>()
  readonly #ends = new Map<Station, Set<TcpEnd>>()
  readonly #bytes = new Map<Station, number>()
  readonly #datagrams: AirDatagrams
  readonly #path: { mesh: Mesh; weight: number; told(): void }
  #told = false
  #running = false
  #alarm: { atUs: number; cancel(): void } | undefined
  #ports = FIRST_FREE_PORT

  readonly clock: VirtualClock
  readonly broadcast = BROADCAST

  constructor({ clock, places, seed, weight }: School) {
    const medium = new Medium(places, seed, () => clock.nowMs() * 1000)
    this.clock = clock
    this.mesh = new Mesh(medium)
    this.#path = { mesh: this.mesh, weight, told: () => this.tell() }
    this.#datagrams = new AirDatagrams(this)
    medium.onChange = () => this.#watch()
  }

  /** Somebody's program has something to do: time stops for it. */
  tell(): void {
    this.#told = true
  }

  add(station: Station): Station {
    const number = this.#byAddress.size
    const [high, low] = [Math.floor(number / STATIONS_IN_LAST_PART), number % STATIONS_IN_LAST_PART]
    const address = `10.73.${high}.${low + 1}`
    this.#byAddress.set(address, station)
    this.#addresses.set(station, address)
    this.#ends.set(station, new Set())
    return this.mesh.add(station)
  }

  addressOf(station: Station): string {
    return this.#addresses.get(station) ?? ''
  }

  stationAt(address: string): Station | undefined {
    return this.#byAddress.get(address)
  }

  /** Its power goes: nothing of what it had open is closed in order. */
  switchOff(station: Station): void {
    this.mesh.switchOff(station)
    for (const end of this.#ends.get(station) ?? []) end.vanish()
    this.#ends.get(station)?.clear()
  }

  /** What that machine's network finds. */
  peersOf(station: Station): Peers {
    const own = this.addressOf(station)
    return {
      resolve: async (host, port) => {
        const found = [...this.#byAddress].find(([address, { name }]) => {
          return name === host || address === host
        })
        if (!found) throw systemErrorOf('resolve', host, 'ENOTFOUND')
        return [{ family: 4, address: found[0], port }]
      },
      connect: (address, timeoutMs) => this.#connect(station, address, timeoutMs),
      listen: (port) => {
        const place = `${own}:${port}`
        if (this.#listeners.has(place)) throw systemError('listen', place, 'EADDRINUSE')
        const listener = new LocalListener(() => this.#listeners.delete(place), port)
        this.#listeners.set(place, listener)
        return listener
      },
      interfaces: () => [interfaceOf(own)],
      datagrams: this.#datagrams.of(station),
    }
  }

  /** The next time that something happens on the air, and no later. */
  #watch(): void {
    if (this.#running) return
    const atUs = this.mesh.medium.nextUs
    if (this.#alarm && this.#alarm.atUs <= atUs) return
    this.#alarm?.cancel()
    this.#alarm = undefined
    if (atUs === Infinity) return
    this.#alarm = { atUs, cancel: this.clock.at(atUs / 1000, () => this.#happen()) }
  }

  /** Lets the air go on until a program has something to do, here or by the clock. */
  #happen(): void {
    const { medium } = this.mesh
    this.#alarm = undefined
    this.#running = true
    this.#told = false
    do medium.step()
    while (!this.#told && medium.nextUs < Infinity && medium.nextUs / 1000 < this.clock.nextMs)
    this.clock.catchUp(medium.nowUs / 1000)
    this.#running = false
    this.#watch()
  }

  async #connect(from: Station, address: Address, timeoutMs: number): Promise<Stream> {
    const to = this.#byAddress.get(address.address)
    const place = `${address.address}:${address.port}`
    const bytes = ofTcp(0)
    const answer = await new Promise<'yes' | 'no' | 'silence'>((resolve) => {
      const cancels: (() => void)[] = []
      const settle = (how: 'yes' | 'no' | 'silence') => {
        for (const cancel of cancels) cancel()
        this.tell()
        resolve(how)
      }
      const ask = (waitMs: number) => {
        if (to) {
          this.mesh.send(from, to, bytes, () => {
            const how = this.#listeners.has(place) ? 'yes' : 'no'
            this.mesh.send(to, from, bytes, () => settle(how))
          })
        }
        cancels.push(this.clock.after(waitMs, () => ask(2 * waitMs)))
      }
      cancels.push(this.clock.after(timeoutMs, () => settle('silence')))
      ask(CONNECT_REPEAT_MS)
    })
    const listener = this.#listeners.get(place)
    if (answer === 'silence' || !to) throw systemError('connect', place, 'ETIMEDOUT')
    if (answer === 'no' || !listener) throw systemError('connect', place, 'ECONNREFUSED')
    const near = this.#endBetween(from, to)
    const far = this.#endBetween(to, from)
    near.peer = far
    far.peer = near
    // The last packet of the three; what is sent at once would ride on it.
    this.mesh.send(from, to, bytes, () => {})
    const peer = { family: 4 as const, address: this.addressOf(from), port: this.freePort() }
    listener.arrive(far, peer)
    return near
  }

  /** Bytes of streams, in both directions, that the station had a part in; with the weight. */
  bytesAt(station: Station): number {
    return (this.#bytes.get(station) ?? 0) * this.#path.weight
  }

  #count(bytes: number, ...stations: Station[]): void {
    for (const station of stations) {
      this.#bytes.set(station, (this.#bytes.get(station) ?? 0) + bytes)
    }
  }

  freePort(): number {
    return this.#ports++
  }

  #endBetween(station: Station, other: Station): TcpEnd {
    const ends = this.#ends.get(station)
    const end: TcpEnd = new TcpEnd(station, this.#path, {
      sent: (bytes) => this.#count(bytes, station, other),
      finished: () => ends?.delete(end),
    })
    ends?.add(end)
    return end
  }
}

function interfaceOf(address: string): Interface {
  const network = { prefixLength: 16, broadcast: BROADCAST }
  const addresses = [{ family: 4 as const, address, ...network }]
  return { name: 'msh0', loopback: false, multicast: true, addresses }
}
