/**
 * One stream of native:sockets over Node's streams: reads with a deadline, writes that end when the
 * kernel has the bytes. Sockets and the pipes of processes are both made of it. It must never hold
 * more than Node's own buffer does.
 */
import type { Readable, Writable } from 'node:stream'
import { converted, systemErrorOf } from '../system-error.node.ts'
import { checkWindow } from '../window.node.ts'

/** What is handed to Node at once: a write counts as alive as long as such pieces leave. */
const PIECE = 64 * 1024

export class NodeSocket {
  private closed = false
  private ended = false
  private failure: unknown
  /** Wakes the read that waits. */
  private wake: () => void = () => {}
  /** Fails the write that waits. */
  private failWrite: (error: unknown) => void = () => {}

  constructor(
    private readonly readable: Readable,
    private readonly writable: Writable,
  ) {
    readable.on('readable', () => this.wake())
    readable.on('end', () => {
      this.ended = true
      this.wake()
    })
    readable.on('close', () => this.wake())
    readable.on('error', (error) => this.fail(error))
    writable.on('error', (error) => this.fail(error))
  }

  private fail(error: unknown): void {
    this.failure ??= error
    this.wake()
    this.failWrite(converted('write', undefined, error))
  }

  /** Copies what is there: its count, or undefined if a read has to wait. */
  private take(buffer: Uint8Array, offset: number, length: number): number | undefined {
    if (this.closed) throw systemErrorOf('read', undefined, 'ECANCELED')
    const there = Math.min(length, this.readable.readableLength)
    const bytes: Buffer | null = this.readable.read(there === 0 ? undefined : there)
    if (bytes) {
      buffer.set(bytes, offset)
      return bytes.length
    }
    if (this.ended) return 0
    if (this.failure !== undefined) throw converted('read', undefined, this.failure)
    return this.readable.destroyed ? 0 : undefined
  }

  async read(
    buffer: Uint8Array,
    offset: number,
    length: number,
    timeoutMs: number,
  ): Promise<number> {
    checkWindow(buffer, offset, length)
    if (length === 0) throw new RangeError('read: there is no room in the buffer')
    const deadline = performance.now() + timeoutMs
    for (;;) {
      const count = this.take(buffer, offset, length)
      if (count !== undefined) return count
      await this.wait(deadline)
    }
  }

  private wait(deadline: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = () => reject(systemErrorOf('read', undefined, 'ETIMEDOUT'))
      const timer = setTimeout(late, Math.max(0, deadline - performance.now()))
      this.wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  async write(
    buffer: Uint8Array,
    offset: number,
    length: number,
    timeoutMs: number,
  ): Promise<void> {
    checkWindow(buffer, offset, length)
    for (let done = 0; done < length; done += PIECE) {
      const end = Math.min(done + PIECE, length)
      await this.writePiece(buffer.subarray(offset + done, offset + end), timeoutMs)
    }
  }

  private writePiece(piece: Uint8Array, timeoutMs: number): Promise<void> {
    if (this.closed) return Promise.reject(systemErrorOf('write', undefined, 'ECANCELED'))
    return new Promise((resolve, reject) => {
      const late = () => reject(systemErrorOf('write', undefined, 'ETIMEDOUT'))
      const timer = setTimeout(late, timeoutMs)
      const settle = (error: unknown) => {
        clearTimeout(timer)
        if (error) reject(converted('write', undefined, this.closed ? error : broken(error)))
        else resolve()
      }
      this.failWrite = settle
      this.writable.write(piece, settle)
    })
  }

  shutdown(): void {
    if (!this.closed) this.writable.end()
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    this.wake()
    this.failWrite(systemErrorOf('write', undefined, 'ECANCELED'))
    this.readable.destroy()
    this.writable.destroy()
  }
}

/** Node has errors of its own for a stream that is gone already; the kernel says EPIPE. */
function broken(error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException
  const gone = typeof code === 'string' && code.startsWith('ERR_STREAM')
  return gone ? systemErrorOf('write', undefined, 'EPIPE') : error
}
