/**
 * The far end of the network in the real world: connections of this machine, by Node's sockets, and UDP
 * on its loopback. While one of them is awaited the laptop's time follows the machine's clock.
 */
import type { Address } from 'native:sockets'
import { sockets } from '../../native/sockets/sockets.node.ts'
import type { VirtualClock } from './virtual-clock.ts'
import type { Datagrams, Peers } from './virtual-network.ts'
import type { Stream } from './virtual-socket.ts'

const PIECE = 64 * 1024
/** Deadlines are the virtual network's; these are never reached (ms). */
const NEVER_MS = 2 ** 31 - 1

export function outsidePeers(clock: VirtualClock): Peers {
  return {
    resolve: (host, port) => clock.outsideOf(sockets.resolve(host, port)),
    connect: (address, timeoutMs) => clock.outsideOf(connect(clock, address, timeoutMs)),
    datagrams: datagramsOf(clock),
  }
}

/** Only this machine reaches them, and they reach only it: nothing is broadcast there. */
function datagramsOf(clock: VirtualClock): Datagrams {
  return {
    openDatagram({ family, port }) {
      const host = family === 4 ? '127.0.0.1' : '::1'
      return sockets.openDatagram({ family, host, port, broadcast: false, groups: [] })
    },
    sendDatagram: (...message) => clock.outsideOf(sockets.sendDatagram(...message)),
    receiveDatagram: (...window) => clock.outsideOf(sockets.receiveDatagram(...window)),
    closeDatagram: sockets.closeDatagram,
    portOf: sockets.localPort,
  }
}

async function connect(clock: VirtualClock, address: Address, timeoutMs: number): Promise<Stream> {
  const socket = await sockets.connect(address, timeoutMs)
  const buffer = new Uint8Array(PIECE)
  return {
    async read() {
      const count = await clock.outsideOf(sockets.read(socket, buffer, 0, PIECE, NEVER_MS))
      return count === 0 ? undefined : buffer.slice(0, count)
    },
    write: (bytes) => clock.outsideOf(sockets.write(socket, bytes, 0, bytes.length, NEVER_MS)),
    shutdown: () => sockets.shutdown(socket),
    close: () => sockets.close(socket),
  }
}
