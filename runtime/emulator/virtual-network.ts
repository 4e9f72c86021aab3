/**
 * The network between the laptop and its servers: connections over one line (virtual-line.ts). The far
 * end is a `Peers`: real sockets (outside.ts), or a test's own in memory. Programs of
 * the laptop reach each other by paths (local-sockets.ts).
 */
import type { Address, Interface } from 'native:sockets'
import type { Path, Sockets } from '../../src/host.ts'
import { systemError } from './disk/system-error.ts'
import { LocalListener, LocalSockets, pipe } from './local-sockets.ts'
import type { VirtualClock } from './virtual-clock.ts'
import { type Shape, UNSHAPED, VirtualLine } from './virtual-line.ts'
import { type Stream, VirtualSocket } from './virtual-socket.ts'

export interface Peers {
  resolve(host: string, port: number): Promise<Address[]>
  connect(address: Address, timeoutMs: number): Promise<Stream>
  /** Without it the laptop has no UDP. */
  datagrams?: Datagrams
  /** Without it the laptop is alone on its side of the line: only its own programs reach what it offers. */
  listen?(port: number): LocalListener
  interfaces?(): Interface[]
}

/** UDP of the laptop: what it hears and says beside its connections. */
export type Datagrams = Pick<
  Sockets,
  'openDatagram' | 'sendDatagram' | 'receiveDatagram' | 'closeDatagram'
> & { portOf(datagram: object): number }

function refuse(call: string, path?: Path): never {
  throw systemError(call, path, 'ENOSYS')
}

export class VirtualNetwork {
  readonly line: VirtualLine
  /** Between programs of the laptop. */
  private readonly inside: VirtualLine
  private readonly listeners = new Set<LocalListener>()
  private readonly datagrams = new Set<object>()
  /** Connections open now, and how many there were in all. */
  readonly sockets = new Set<VirtualSocket>()
  connections = 0

  constructor(
    readonly clock: VirtualClock,
    private readonly peers: Peers,
    readonly shape: Shape,
    private readonly seed: number,
    /** Shared by the programs that run on the laptop at the same time. */
    private readonly local = new LocalSockets(),
  ) {
    this.line = new VirtualLine(clock, shape, seed)
    this.inside = new VirtualLine(clock, UNSHAPED, seed)
  }

  readonly asHost: Sockets = {
    resolve: (host, port) => this.peers.resolve(host, port),
    connect: (address, timeoutMs) => this.connect(address, timeoutMs),
    read: (socket, ...window) => socketOf(socket).read(...window),
    write: (socket, ...window) => socketOf(socket).write(...window),
    shutdown: (socket) => socketOf(socket).shutdown(),
    close: (socket) => socketOf(socket).close(),
    connectPath: async (path) => this.opened(this.inside, this.local.connect(path)),
    listen: (place) => this.listen(place),
    accept: async (listener) => {
      const { stream, peer } = await listenerOf(listener).accept()
      return { socket: this.opened(peer ? this.line : this.inside, stream), peer }
    },
    localPort: (of) => (of instanceof LocalListener ? of.port : this.udp('getsockname').portOf(of)),
    closeListener: (listener) => listenerOf(listener).close(),
    interfaces: () => this.peers.interfaces?.() ?? [],
    openDatagram: (options) => {
      const datagram = this.udp('openDatagram').openDatagram(options)
      this.datagrams.add(datagram)
      return datagram
    },
    sendDatagram: async (...message) => this.udp('send').sendDatagram(...message),
    receiveDatagram: async (...window) => this.udp('receive').receiveDatagram(...window),
    closeDatagram: (datagram) => {
      this.datagrams.delete(datagram)
      this.udp('close').closeDatagram(datagram)
    },
  }

  /** That of another program of the same laptop. */
  beside(): VirtualNetwork {
    const { clock, peers, shape, seed, local } = this
    return new VirtualNetwork(clock, peers, shape, seed, local)
  }

  /** Between this program and one that it starts: an end as a socket of this one, and the other end. */
  pipe(): { here: VirtualSocket; there: Stream } {
    const { here, there } = pipe()
    return { here: this.opened(this.inside, here), there }
  }

  /** The program is gone. */
  closeAll(): void {
    for (const socket of [...this.sockets]) socket.close()
    for (const listener of this.listeners) listener.close()
    for (const datagram of [...this.datagrams]) this.asHost.closeDatagram(datagram)
  }

  private udp(call: string): Datagrams {
    return this.peers.datagrams ?? refuse(call)
  }

  private listen(place: { path: Path } | { host: string; port: number }): LocalListener {
    const listener =
      'path' in place
        ? this.local.listen(place.path)
        : (this.peers.listen?.(place.port) ?? refuse('listen', place.host))
    this.listeners.add(listener)
    return listener
  }

  private opened(line: VirtualLine, stream: Stream): VirtualSocket {
    const socket = new VirtualSocket(line, stream, () => this.sockets.delete(socket))
    this.sockets.add(socket)
    return socket
  }

  private async connect(address: Address, timeoutMs: number): Promise<VirtualSocket> {
    const { clock, shape } = this
    const stream = await this.peers.connect(address, timeoutMs)
    // A connection costs a round trip; a real peer's own is added.
    if (shape.latencyMs > 0) {
      await clock.asHost.sleep(Math.min(2 * shape.latencyMs, timeoutMs))
      if (2 * shape.latencyMs > timeoutMs) {
        stream.close()
        throw systemError('connect', `${address.address}:${address.port}`, 'ETIMEDOUT')
      }
    }
    this.connections++
    return this.opened(this.line, stream)
  }
}

function socketOf(socket: object): VirtualSocket {
  if (socket instanceof VirtualSocket) return socket
  throw new TypeError('no socket')
}

function listenerOf(listener: object): LocalListener {
  if (listener instanceof LocalListener) return listener
  throw new TypeError('no listener')
}
