/** TCP, unix streams, UDP and pipes, as promises. The host's loop waits; nothing here blocks. */
declare module 'native:sockets' {
  import type { Path } from 'native:files'

  /** A connected stream. */
  export type Socket = object
  /** What others connect to. */
  export type Listener = object
  /** A UDP socket. */
  export type Datagram = object

  export interface Address {
    family: 4 | 6
    /** A literal; an IPv6 one may name its interface (`fe80::1%eth0`). */
    address: string
    port: number
  }

  /** A network interface that is up. */
  export interface Interface {
    name: string
    loopback: boolean
    multicast: boolean
    addresses: {
      family: 4 | 6
      address: string
      /** How many bits of the address name its network. */
      prefixLength: number
      /** The IPv4 broadcast address of its network, where it has one. */
      broadcast: string | undefined
    }[]
  }

  export interface DatagramOptions {
    family: 4 | 6
    /** The literal address to bind to; `0.0.0.0` or `::` for all. */
    host: string
    /** 0: any free one. */
    port: number
    /** May send to broadcast addresses. */
    broadcast: boolean
    /**
     * Multicast groups to hear: on `interface`, or on each interface that is up and capable of it. With
     * groups, others may have the port, too.
     */
    groups: string[]
    /** The interface by which datagrams to a group leave; undefined: as the kernel's routes say. */
    interface?: string
  }

  /** All addresses of a name (or of a literal address), in the order to try them. Throws SystemError with call `resolve` and code ENOTFOUND or EAGAIN. */
  export function resolve(host: string, port: number): Promise<Address[]>
  /** Throws SystemError (ECONNREFUSED, ETIMEDOUT after timeoutMs …). Sets TCP_NODELAY and SO_KEEPALIVE. */
  export function connect(address: Address, timeoutMs: number): Promise<Socket>
  /** The same over a unix stream socket. */
  export function connectPath(path: Path, timeoutMs: number): Promise<Socket>
  /**
   * Waits until at least one byte has come, then fills the buffer with what is there: its count; 0 at the end of the
   * stream. Rejects with a SystemError ETIMEDOUT if nothing came for timeoutMs. One read at a time.
   */
  export function read(
    socket: Socket,
    buffer: Uint8Array,
    offset: number,
    length: number,
    timeoutMs: number,
  ): Promise<number>
  /** Resolves when the kernel has taken all of it; ETIMEDOUT if it took nothing for timeoutMs. One write at a time; the buffer must not change until then. */
  export function write(
    socket: Socket,
    buffer: Uint8Array,
    offset: number,
    length: number,
    timeoutMs: number,
  ): Promise<void>
  /** Says that no more will be written. */
  export function shutdown(socket: Socket): void
  /** Closes it at once; a read or write that waits rejects with ECANCELED. Twice is fine. */
  export function close(socket: Socket): void

  /**
   * Listens on a literal address (`::` hears IPv4, too; port 0: any free one), or on a unix stream socket that only its
   * owner may connect to. A socket file that nobody listens at any more is replaced; any other file is EADDRINUSE.
   */
  export function listen(
    address: { host: string; port: number } | { path: Path },
    backlog: number,
  ): Listener
  /**
   * The next connection; `peer` is undefined for a unix socket. Rejects with ECANCELED when the
   * listener is closed, with EMFILE while no descriptor is free. One accept at a time.
   */
  export function accept(listener: Listener): Promise<{ socket: Socket; peer: Address | undefined }>
  /** 0 for a unix socket. */
  export function localPort(of: Listener | Datagram): number
  /** Twice is fine. The file of a unix socket goes with it. */
  export function closeListener(listener: Listener): void

  /** The interfaces that are up, without those that have no address. */
  export function interfaces(): Interface[]
  export function openDatagram(options: DatagramOptions): Datagram
  /** Resolves when the kernel has taken it. */
  export function sendDatagram(
    datagram: Datagram,
    to: Address,
    buffer: Uint8Array,
    offset: number,
    length: number,
  ): Promise<void>
  /**
   * Fills the buffer with the next datagram. `length` is the datagram's own, which may be more than
   * the buffer holds: the rest is lost. ETIMEDOUT, ECANCELED. One at a time.
   */
  export function receiveDatagram(
    datagram: Datagram,
    buffer: Uint8Array,
    timeoutMs: number,
  ): Promise<{ length: number; from: Address }>
  /** Twice is fine. */
  export function closeDatagram(datagram: Datagram): void
}
