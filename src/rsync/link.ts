/** The way to a daemon and back: a TCP connection, or the pipes of a program that makes one. */

export interface Link {
  socket: import('native:sockets').Socket
  /** Ends whatever carries the stream, besides the stream itself. Twice is fine. */
  close(): void
  /** What the carrier knows about a failure of the stream; the error itself if it knows nothing. */
  explain(error: Error): Promise<Error>
}
