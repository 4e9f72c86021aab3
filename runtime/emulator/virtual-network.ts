/**
 * The network between the laptop and its servers: how long bytes are under way, how many pass a
 * second, and at which byte the connection is lost. All of it by the virtual clock and one seed. What
 * stands at the far end is a `Peers`: real sockets (outside.ts), or a test's own in memory.
 */
import type { Address } from 'native:sockets'
import { systemErrorOf } from '../../native/system-error.node.ts'
import type { Path, Sockets } from '../../src/host.ts'
import { Seeded } from './seed.ts'
import type { VirtualClock } from './virtual-clock.ts'
import { VirtualSocket } from './virtual-socket.ts'

export interface Shape {
  /** How long a byte is under way, each way. */
  latencyMs: number
  /** Each way; undefined: no limit. */
  bytesPerSecond: number | undefined
  /** The connection is reset when so many bytes came to the laptop, over all connections; once. */
  cutAfter: number | undefined
  /** From that byte on nothing passes this connection, neither way, and nobody is told. */
  stallAfter: number | undefined
}

export const UNSHAPED: Shape = {
  latencyMs: 0,
  bytesPerSecond: undefined,
  cutAfter: undefined,
  stallAfter: undefined,
}

/** One connection at the far end of the network. */
export interface Stream {
  /** The next bytes, at least one; undefined at the end. */
  read(): Promise<Uint8Array | undefined>
  write(bytes: Uint8Array): Promise<void>
  shutdown(): void
  close(): void
}

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

/** Of the latency, what chance may add. */
const JITTER_SHARE = 0.1

/** One direction of the line, which all connections share. */
class Line {
  private freeAtMs = 0
  private lastDueMs = 0

  constructor(private readonly network: VirtualNetwork) {}

  /** Bytes that are sent now: when the line has taken them, and when the last of them is through. */
  send(length: number): { takenMs: number; dueMs: number } {
    const { clock, shape, numbers } = this.network
    const now = clock.nowMs()
    if (shape.latencyMs === 0 && shape.bytesPerSecond === undefined) {
      return { takenMs: now, dueMs: now }
    }
    const perByteMs = shape.bytesPerSecond === undefined ? 0 : 1000 / shape.bytesPerSecond
    this.freeAtMs = Math.max(now, this.freeAtMs) + length * perByteMs
    const jitter = 1 + numbers.fraction() * JITTER_SHARE
    // Nothing overtakes.
    this.lastDueMs = Math.max(this.lastDueMs, this.freeAtMs + shape.latencyMs * jitter)
    return { takenMs: this.freeAtMs, dueMs: this.lastDueMs }
  }
}

export class VirtualNetwork {
  received = 0
  sent = 0
  /** Connections that stand now, and how many there were in all. */
  readonly sockets = new Set<VirtualSocket>()
  connections = 0
  /** What the shape did to the run, for people. */
  readonly events: string[] = []
  readonly numbers: Seeded
  readonly down = new Line(this)
  readonly up = new Line(this)
  private cut = false

  constructor(
    readonly clock: VirtualClock,
    private readonly peers: Peers,
    readonly shape: Shape,
    seed: number,
  ) {
    this.numbers = new Seeded(seed, 'network')
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

  /**
   * Counts bytes that are about to come down: how many of them still pass, and what happens then.
   */
  admit(length: number): { pass: number; then: 'more' | 'cut' | 'stall' } {
    const { cutAfter, stallAfter } = this.shape
    const before = this.received
    const reached = (limit: number | undefined): limit is number =>
      limit !== undefined && !this.cut && before + length >= limit
    const then = reached(cutAfter) ? 'cut' : reached(stallAfter) ? 'stall' : 'more'
    if (then === 'more') {
      this.received += length
      return { pass: length, then }
    }
    const limit = (then === 'cut' ? cutAfter : stallAfter) as number
    this.cut = true
    this.received = Math.max(before, limit)
    this.events.push(`${then === 'cut' ? 'cut' : 'stalled'} after byte ${this.received}`)
    return { pass: this.received - before, then }
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
    const socket = new VirtualSocket(this, stream)
    this.sockets.add(socket)
    return socket
  }
}

function socketOf(socket: object): VirtualSocket {
  if (socket instanceof VirtualSocket) return socket
  throw new TypeError('no socket')
}
