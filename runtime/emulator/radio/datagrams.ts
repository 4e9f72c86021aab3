/**
 * UDP over the air: to one machine hop by hop, to a group or to all as one flood. What comes while
 * nobody listens is lost, and so is what a full queue can't hold, as with any kernel.
 */
import type { Address, DatagramOptions } from 'native:sockets'
import { systemError } from '../disk/system-error.ts'
import type { VirtualClock } from '../virtual-clock.ts'
import type { Datagrams } from '../virtual-network.ts'
import { ofUdp } from './air-time.ts'
import type { Mesh, Station } from './mesh.ts'

const QUEUE_MAX = 100

/** What the school's network knows. */
interface Air {
  readonly mesh: Mesh
  readonly clock: VirtualClock
  readonly broadcast: string
  addressOf(station: Station): string
  stationAt(address: string): Station | undefined
  freePort(): number
  tell(): void
}

interface Message {
  bytes: Uint8Array
  from: Address
  to: Address
}

class OpenDatagram {
  readonly queue: Message[] = []
  closed = false
  wake: () => void = () => {}

  constructor(
    readonly port: number,
    readonly groups: readonly string[],
  ) {}
}

const isGroup = (address: string) => /^(22[4-9]|23\d)\./.test(address)

export class AirDatagrams {
  readonly #open = new Map<Station, Set<OpenDatagram>>()

  constructor(private readonly air: Air) {}

  of(station: Station): Datagrams {
    const { air } = this
    // Several programs of one machine share what comes.
    const open = this.#open.get(station) ?? new Set()
    this.#open.set(station, open)
    const hear = (message: Message) => {
      for (const datagram of open) {
        const { address, port } = message.to
        if (datagram.port !== port || datagram.queue.length >= QUEUE_MAX) continue
        if (isGroup(address) && !datagram.groups.includes(address)) continue
        datagram.queue.push(message)
        air.tell()
        datagram.wake()
      }
    }
    station.heard = (message) => hear(message as Message)
    return {
      openDatagram: (options) => opened(options, open, () => air.freePort()),
      async sendDatagram(datagram, to, buffer, offset, length) {
        const bytes = buffer.slice(offset, offset + length)
        const from = {
          family: 4 as const,
          address: air.addressOf(station),
          port: of(datagram).port,
        }
        const message = { bytes, from, to }
        if (isGroup(to.address) || to.address === air.broadcast) {
          air.mesh.flood(station, ofUdp(length), message)
          return
        }
        const target = air.stationAt(to.address)
        if (!target) return
        air.mesh.send(station, target, ofUdp(length), () => target.heard(message))
      },
      receiveDatagram: (datagram, buffer, timeoutMs) =>
        receive(air, of(datagram), buffer, timeoutMs),
      closeDatagram(datagram) {
        of(datagram).closed = true
        open.delete(of(datagram))
        of(datagram).wake()
      },
      portOf: (datagram) => of(datagram).port,
    }
  }
}

function opened(
  { family, port, groups }: DatagramOptions,
  open: Set<OpenDatagram>,
  freePort: () => number,
): OpenDatagram {
  if (family === 6) throw systemError('openDatagram', undefined, 'EAFNOSUPPORT')
  const datagram = new OpenDatagram(port === 0 ? freePort() : port, groups)
  open.add(datagram)
  return datagram
}

function of(datagram: object): OpenDatagram {
  if (datagram instanceof OpenDatagram) return datagram
  throw new TypeError('no datagram')
}

async function receive(
  air: Air,
  datagram: OpenDatagram,
  buffer: Uint8Array,
  timeoutMs: number,
): Promise<{ length: number; from: Address }> {
  let late = false
  const cancel = air.clock.after(timeoutMs, () => {
    late = true
    datagram.wake()
  })
  try {
    for (;;) {
      if (datagram.closed) throw systemError('receive', undefined, 'ECANCELED')
      const message = datagram.queue.shift()
      if (message) {
        buffer.set(message.bytes.subarray(0, buffer.length))
        return { length: message.bytes.length, from: message.from }
      }
      if (late) throw systemError('receive', undefined, 'ETIMEDOUT')
      await new Promise<void>((resolve) => {
        datagram.wake = resolve
      })
    }
  } finally {
    cancel()
  }
}
