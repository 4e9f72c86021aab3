/**
 * A connection in memory: two sockets, each of which reads what the other one writes, over a clock that jumps. It
 * can be cut after so many bytes, and hold so many of them.
 */
import { systemError } from '../../runtime/emulator/disk/system-error.ts'
import type { VirtualClock } from '../../runtime/emulator/virtual-clock.ts'
import type { Sockets } from '../../src/host.ts'

interface LineOptions {
  /** Bytes of both directions after which nothing goes on; undefined: never. */
  cutAfter?: number
  /** What may wait to be read in one direction (bytes). */
  capacity?: number
}

class End {
  peer: End = this
  waiting = Buffer.alloc(0)
  ended = false
  closed = false
  /** Whoever waits for bytes, or for room. */
  wake: (() => void)[] = []

  tell(): void {
    for (const each of [...this.wake.splice(0), ...this.peer.wake.splice(0)]) each()
  }
}

export class MemoryLine {
  readonly server = new End()
  readonly client = new End()
  /** Bytes that were written, of both directions. */
  carried = 0
  readonly sockets: Sockets

  constructor(
    readonly time: VirtualClock,
    readonly options: LineOptions = {},
  ) {
    this.server.peer = this.client
    this.client.peer = this.server
    this.sockets = {
      resolve: async () => [{ family: 4, address: '127.0.0.1', port: 873 }],
      connect: async () => this.client,
      read: (...words: Parameters<Sockets['read']>) => this.#read(...words),
      write: (...words: Parameters<Sockets['write']>) => this.#write(...words),
      shutdown: (socket: object) => {
        const end = socket as End
        end.peer.ended = true
        end.tell()
      },
      close: (socket: object) => {
        const end = socket as End
        end.closed = true
        end.peer.ended = true
        end.tell()
      },
    } as unknown as Sockets
  }

  #cut(): void {
    for (const end of [this.server, this.client]) end.ended = true
    this.server.tell()
  }

  /** Waits for news; false if nothing came in time. */
  #news(end: End, timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.time.after(timeoutMs, () => resolve(false))
      end.wake.push(() => {
        cancel()
        resolve(true)
      })
    })
  }

  async #read(
    socket: object,
    buffer: Uint8Array,
    offset: number,
    length: number,
    timeoutMs: number,
  ): Promise<number> {
    const end = socket as End
    while (end.waiting.length === 0) {
      if (end.closed) throw systemError('read', undefined, 'ECANCELED')
      if (end.ended) return 0
      const came = await this.#news(end, timeoutMs)
      if (!came && end.waiting.length === 0) throw systemError('read', undefined, 'ETIMEDOUT')
    }
    const count = Math.min(length, end.waiting.length)
    buffer.set(end.waiting.subarray(0, count), offset)
    end.waiting = end.waiting.subarray(count)
    end.tell()
    return count
  }

  async #write(
    socket: object,
    buffer: Uint8Array,
    offset: number,
    length: number,
    timeoutMs: number,
  ): Promise<void> {
    const end = socket as End
    const { cutAfter = Infinity, capacity = Infinity } = this.options
    for (let at = offset; at < offset + length; ) {
      if (end.closed) throw systemError('write', undefined, 'ECANCELED')
      if (end.ended || end.peer.closed) throw systemError('write', undefined, 'EPIPE')
      const { peer } = end
      const room = Math.min(capacity - peer.waiting.length, cutAfter - this.carried)
      const count = Math.min(offset + length - at, room)
      if (count > 0) {
        peer.waiting = Buffer.concat([peer.waiting, buffer.slice(at, at + count)])
        this.carried += count
        at += count
        end.tell()
      }
      if (this.carried >= cutAfter) this.#cut()
      else if (count <= 0 && !(await this.#news(end, timeoutMs))) {
        throw systemError('write', undefined, 'ETIMEDOUT')
      }
    }
  }
}
