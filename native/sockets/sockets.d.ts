/** TCP and pipes, as promises. The host's loop waits; nothing here blocks. */
declare module 'native:sockets' {
  /** A connected stream. */
  export type Socket = object

  export interface Address {
    family: 4 | 6
    address: string
    port: number
  }

  /** All addresses of a name (or of a literal address), in the order to try them. Throws SystemError with call `resolve` and code ENOTFOUND or EAGAIN. */
  export function resolve(host: string, port: number): Promise<Address[]>
  /** Throws SystemError (ECONNREFUSED, ETIMEDOUT after timeoutMs …). Sets TCP_NODELAY and SO_KEEPALIVE. */
  export function connect(address: Address, timeoutMs: number): Promise<Socket>
  /**
   * Waits until at least one byte came, then fills the buffer with what is there: its count; 0 at the end of the stream.
   * Rejects with a SystemError ETIMEDOUT when nothing came for timeoutMs. One read at a time.
   */
  export function read(
    socket: Socket,
    buffer: Uint8Array,
    offset: number,
    length: number,
    timeoutMs: number,
  ): Promise<number>
  /** Resolves when all of it is handed to the kernel; ETIMEDOUT when nothing could be for timeoutMs. One write at a time; the buffer must not change until then. */
  export function write(
    socket: Socket,
    buffer: Uint8Array,
    offset: number,
    length: number,
    timeoutMs: number,
  ): Promise<void>
  /** Says that no more will be written. */
  export function shutdown(socket: Socket): void
  /** Ends it at once; a read or write that waits rejects with ECANCELED. Twice is fine. */
  export function close(socket: Socket): void
}
