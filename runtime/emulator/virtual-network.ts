/**
 * The network between the laptop and its servers: connections over one line (virtual-line.ts). What
 * stands at the far end is a `Peers`: real sockets (outside.ts), or a test's own in memory.
 */
import type { Address } from 'native:sockets'
import { systemErrorOf } from '../../native/system-error.node.ts'
import type { Path, Sockets } from '../../src/host.ts'
import type { VirtualClock } from './virtual-clock.ts'
import { type Shape, VirtualLine } from './virtual-line.ts'
import { type Stream, VirtualSocket } from './virtual-socket.ts'

export interface Peers {
  resolve(host: string, port: number): Promise<Address[]>
  connect(address: Address, timeoutMs: number): Promise<Stream>
}

/** The laptop is alone on its side of the line: nobody could reach what it offers. */
const NOBODY_CONNECTS = {
  connectPath: async (path: Path) => refuse('connect', path),
  listen: () => refuse('listen'),
  accept: async () => refuse('accept'),
  localPort: () => refuse('getsockname'),
  closeListener: () => {},
  interfaces: () => [],
  openDatagram: () => refuse('openDatagram'),
  sendDatagram: async () => refuse('send'),
  receiveDatagram: async () => refuse('receive'),
  closeDatagram: () => {},
}

function refuse(call: string, path?: Path): never {
  throw systemErrorOf(call, path, 'ENOSYS')
}

export class VirtualNetwork {
  readonly line: VirtualLine
  /** Connections that stand now, and how many there were in all. */
  readonly sockets = new Set<VirtualSocket>()
  connections = 0

  constructor(
    readonly clock: VirtualClock,
    private readonly peers: Peers,
    readonly shape: Shape,
    seed: number,
  ) {
    this.line = new VirtualLine(clock, shape, seed)
  }

  readonly asHost: Sockets = {
    resolve: (host, port) => this.peers.resolve(host, port),
    connect: (address, timeoutMs) => this.connect(address, timeoutMs),
    read: (socket, ...window) => socketOf(socket).read(...window),
    write: (socket, ...window) => socketOf(socket).write(...window),
    shutdown: (socket) => socketOf(socket).shutdown(),
    close: (socket) => socketOf(socket).close(),
    ...NOBODY_CONNECTS,
  }

  /** The laptop is switched off. */
  closeAll(): void {
    for (const socket of [...this.sockets]) socket.close()
  }

  private async connect(address: Address, timeoutMs: number): Promise<VirtualSocket> {
    const { clock, shape } = this
    const stream = await this.peers.connect(address, timeoutMs)
    // A connection costs a round trip; a real peer's own is added.
    if (shape.latencyMs > 0) {
      await clock.asHost.sleep(Math.min(2 * shape.latencyMs, timeoutMs))
      if (2 * shape.latencyMs > timeoutMs) {
        stream.close()
        throw systemErrorOf('connect', `${address.address}:${address.port}`, 'ETIMEDOUT')
      }
    }
    this.connections++
    const socket = new VirtualSocket(this.line, stream, () => this.sockets.delete(socket))
    this.sockets.add(socket)
    return socket
  }
}

function socketOf(socket: object): VirtualSocket {
  if (socket instanceof VirtualSocket) return socket
  throw new TypeError('no socket')
}
