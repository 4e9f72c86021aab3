/**
 * Laptops on one link, in a virtual time: what one sends to everybody all others hear, and its sender too,
 * as a kernel has it. Each has an IPv4 address or an IPv6 one, or both.
 */

import { systemError } from '../../runtime/emulator/disk/system-error.ts'
import type { VirtualClock } from '../../runtime/emulator/virtual-clock.ts'
import type { Host } from '../../src/host.ts'
import { bytesOfArray } from '../../src/text.ts'

type Sockets = Host['sockets']
type Address = import('native:sockets').Address

interface Ear {
  node: number
  family: 4 | 6
  group: boolean
  hear: ((datagram: Uint8Array, from: Address) => void) | undefined
  waiting: [Uint8Array, Address][]
}

export class Air {
  readonly #ears = new Set<Ear>()
  #random = 1
  /** All that was sent to everybody, in order. */
  readonly sent: { from: string; text: string; atMs: number }[] = []

  constructor(readonly clock: VirtualClock) {}

  /** The modules of a laptop: 10.0.0.N, and fe80::N. */
  laptop(
    node: number,
    families: readonly (4 | 6)[] = [4, 6],
  ): Pick<Host, 'sockets' | 'clock' | 'random'> {
    const addresses = families.map((family) => ({
      family,
      address: family === 4 ? `10.0.0.${node}` : `fe80::${node}%eth0`,
      prefixLength: family === 4 ? 24 : 64,
      broadcast: family === 4 ? '10.0.0.255' : undefined,
    }))
    const sockets = {
      interfaces: () => [{ name: 'eth0', loopback: false, multicast: true, addresses }],
      openDatagram: ({ family, port }) => {
        if (!families.includes(family)) throw systemError('openDatagram', undefined, 'EINVAL')
        const ear: Ear = { node, family, group: port !== 0, hear: undefined, waiting: [] }
        this.#ears.add(ear)
        return ear
      },
      closeDatagram: (datagram) => this.#ears.delete(datagram as Ear),
      sendDatagram: async (datagram, _, buffer) => {
        const { family } = datagram as Ear
        const from = addresses.find((one) => one.family === family)?.address ?? ''
        this.send({ family, address: from, port: 40_000 }, buffer)
      },
      receiveDatagram: (datagram, buffer) =>
        new Promise((resolve) => {
          const ear = datagram as Ear
          ear.hear = (bytes, from) => {
            ear.hear = undefined
            buffer.set(bytes.subarray(0, buffer.length))
            resolve({ length: bytes.length, from })
          }
          const next = ear.waiting.shift()
          if (next) ear.hear(...next)
        }),
    } as Partial<Sockets> as Sockets
    const randomBytes = (length: number) =>
      Uint8Array.from({ length }, () => {
        this.#random = (this.#random * 75 + 74) % 65_537
        return this.#random & 0xff
      })
    return { sockets, clock: this.clock.asHost, random: { randomBytes } }
  }

  /** From any address at all, to all that hear. */
  send(from: Address, bytes: Uint8Array): void {
    const copy = bytes.slice()
    this.sent.push({
      from: from.address,
      text: bytesOfArray(copy),
      atMs: this.clock.nowMs(),
    })
    for (const ear of this.#ears) {
      if (!ear.group || ear.family !== from.family) continue
      if (ear.hear) ear.hear(copy, from)
      else ear.waiting.push([copy, from])
    }
  }

  answers(): number {
    return this.sent.filter(({ text }) => text.startsWith('kind=neighbour\n')).length
  }

  async pass(seconds: number): Promise<void> {
    const endMs = this.clock.nowMs() + seconds * 1000
    this.clock.after(seconds * 1000, () => {})
    await this.clock.pass(() => this.clock.nowMs() >= endMs)
  }

  /** Lets time pass until it is there. */
  async until<Value>(promise: Promise<Value>): Promise<Value> {
    let ended = false
    const end = () => {
      ended = true
    }
    promise.then(end, end)
    await this.clock.pass(() => ended)
    return promise
  }
}
