/**
 * One connection of the virtual network: takes from its stream what the line lets through, when it
 * is due, and gives the laptop what native:sockets promises. It must never hold more than a real
 * socket's buffers would.
 */

import { checkWindow } from '../../native/window.node.ts'
import { systemError } from './disk/system-error.ts'
import type { VirtualLine } from './virtual-line.ts'

/** One connection at the far end of the network. */
export interface Stream {
  /** The next bytes, at least one; undefined at the end. */
  read(): Promise<Uint8Array | undefined>
  write(bytes: Uint8Array): Promise<void>
  shutdown(): void
  close(): void
}

/** Bytes on their way to the laptop or waiting for it: what a kernel's buffer holds. */
const BUFFER_MAX = 128 * 1024

type Fate = 'open' | 'ended' | 'reset' | 'stalled' | 'closed'

export class VirtualSocket {
  private fate: Fate = 'open'
  private failure: unknown
  private readonly ready: Uint8Array[] = []
  /** Of `ready` and of what is still under way. */
  private heldBytes = 0
  /** Timers that still hold something back. */
  private underWay = 0
  /** Written by the laptop, not yet taken by the far end. */
  private unsentBytes = 0
  private writeFailure: unknown
  private wakeReader: () => void = () => {}
  private wakePump: () => void = () => {}
  private cancelWrite: () => void = () => {}
  private lastSend: Promise<void> = Promise.resolve()

  constructor(
    private readonly line: VirtualLine,
    private readonly stream: Stream,
    private readonly closed: () => void,
  ) {
    void this.pump()
  }

  async read(
    buffer: Uint8Array,
    offset: number,
    length: number,
    timeoutMs: number,
  ): Promise<number> {
    checkWindow(buffer, offset, length)
    if (length === 0) throw new RangeError('read: there is no room in the buffer')
    let late = false
    const cancel = this.line.clock.after(timeoutMs, () => {
      late = true
      this.wakeReader()
    })
    try {
      for (;;) {
        const count = this.take(buffer, offset, length)
        if (count !== undefined) return count
        if (late) throw systemError('read', undefined, 'ETIMEDOUT')
        await new Promise<void>((resolve) => {
          this.wakeReader = resolve
        })
      }
    } finally {
      cancel()
    }
  }

  /** Copies what is there; undefined if a read has to wait. */
  private take(buffer: Uint8Array, offset: number, length: number): number | undefined {
    if (this.fate === 'closed') throw systemError('read', undefined, 'ECANCELED')
    let count = 0
    while (count < length) {
      const bytes = this.ready.shift()
      if (!bytes) break
      const part = bytes.subarray(0, length - count)
      buffer.set(part, offset + count)
      count += part.length
      if (part.length < bytes.length) this.ready.unshift(bytes.subarray(part.length))
    }
    this.heldBytes -= count
    if (count > 0) {
      this.wakePump()
      return count
    }
    // What came before the end is still read.
    if (this.heldBytes > 0) return undefined
    if (this.fate === 'reset') throw this.failure
    return this.fate === 'ended' ? 0 : undefined
  }

  private async pump(): Promise<void> {
    try {
      while (this.fate === 'open') {
        if (this.heldBytes >= BUFFER_MAX) {
          await new Promise<void>((resolve) => {
            this.wakePump = resolve
          })
          continue
        }
        const bytes = await this.stream.read()
        if (this.fate !== 'open') return
        if (bytes === undefined) {
          this.later(0, () => this.finish('ended'))
          return
        }
        const { pass, then } = this.line.admit(bytes.length)
        this.heldBytes += pass
        if (pass > 0) this.later(pass, () => this.arrive(bytes.subarray(0, pass)))
        if (then === 'more') continue
        if (then === 'stall') this.fate = 'stalled'
        else this.later(0, () => this.reset(systemError('read', undefined, 'ECONNRESET')))
        return
      }
    } catch (error) {
      this.later(0, () => this.reset(error))
    }
  }

  /** When that many bytes are through; at once if nothing delays them. */
  private later(length: number, run: () => void): void {
    const { clock, down } = this.line
    const { dueMs } = down.send(length)
    if (dueMs <= clock.nowMs() && this.underWay === 0) {
      run()
      return
    }
    this.underWay++
    clock.at(dueMs, () => {
      this.underWay--
      run()
    })
  }

  private arrive(bytes: Uint8Array): void {
    this.ready.push(bytes)
    this.wakeReader()
  }

  private finish(fate: Fate): void {
    if (this.fate !== 'open') return
    this.fate = fate
    this.wakeReader()
  }

  private reset(failure: unknown): void {
    if (this.fate !== 'open') return
    this.failure = failure
    this.finish('reset')
    this.failWrites(systemError('write', undefined, 'EPIPE'))
    this.stream.close()
  }

  async write(
    buffer: Uint8Array,
    offset: number,
    length: number,
    timeoutMs: number,
  ): Promise<void> {
    checkWindow(buffer, offset, length)
    this.checkWritable()
    const bytes = buffer.slice(offset, offset + length)
    const { takenMs, dueMs } = this.line.up.send(length)
    this.line.sent += length
    this.unsentBytes += length
    this.lastSend = this.lastSend.then(() => this.passOn(bytes, dueMs))
    // Bytes under way are the kernel's: the laptop waits for the line only, or for a full buffer.
    const unhurried = this.unsentBytes > BUFFER_MAX || takenMs === dueMs
    await this.orLate(unhurried ? this.lastSend : this.until(takenMs), timeoutMs)
    this.checkWritable()
  }

  private checkWritable(): void {
    if (this.fate === 'closed') throw systemError('write', undefined, 'ECANCELED')
    if (this.writeFailure !== undefined) throw this.writeFailure
  }

  private until(atMs: number): Promise<void> {
    const { clock } = this.line
    const waitMs = atMs - clock.nowMs()
    return waitMs > 0 ? clock.asHost.sleep(waitMs) : Promise.resolve()
  }

  private async passOn(bytes: Uint8Array, dueMs: number): Promise<void> {
    await this.until(dueMs)
    if (this.fate === 'stalled') {
      // A dead peer takes nothing, but the laptop's kernel has a buffer.
      if (this.unsentBytes > BUFFER_MAX) await new Promise(() => {})
      return
    }
    if (this.fate === 'closed' || this.writeFailure !== undefined) return
    try {
      await this.stream.write(bytes)
      this.unsentBytes -= bytes.length
    } catch (error) {
      this.failWrites(error)
    }
  }

  private failWrites(error: unknown): void {
    this.writeFailure ??= error
    this.cancelWrite()
  }

  private orLate(taken: Promise<void>, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.line.clock.after(timeoutMs, () =>
        reject(systemError('write', undefined, 'ETIMEDOUT')),
      )
      const settle = () => {
        cancel()
        resolve()
      }
      this.cancelWrite = settle
      taken.then(settle)
    })
  }

  shutdown(): void {
    void this.lastSend.then(() => {
      if (this.fate !== 'stalled' && this.fate !== 'closed') this.stream.shutdown()
    })
  }

  close(): void {
    if (this.fate === 'closed') return
    this.fate = 'closed'
    this.closed()
    this.wakeReader()
    this.wakePump()
    this.cancelWrite()
    this.stream.close()
  }
}
