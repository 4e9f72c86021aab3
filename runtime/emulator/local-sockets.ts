/**
 * Unix stream sockets between the programs of one laptop: who listens at which path, and the two ends
 * of each connection. None of it crosses the network's line or outlives the programs.
 */

import type { Address } from 'native:sockets'
import type { Path } from '../../src/host.ts'
import { systemError } from './disk/system-error.ts'
import type { Stream } from './virtual-socket.ts'

/** What a kernel's buffer holds for one direction (bytes). */
const BUFFER_MAX = 128 * 1024

/** One direction of a connection. */
class Pipe {
  readonly #pieces: Uint8Array[] = []
  #heldBytes = 0
  #over: 'open' | 'ended' | 'closed' = 'open'
  #wake: (() => void)[] = []

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const bytes = this.#pieces.shift()
      if (bytes) {
        this.#heldBytes -= bytes.length
        this.#look()
        return bytes
      }
      if (this.#over !== 'open') return undefined
      await this.#change()
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    while (this.#over === 'open' && this.#heldBytes >= BUFFER_MAX) await this.#change()
    if (this.#over !== 'open') throw systemError('write', undefined, 'EPIPE')
    this.#pieces.push(bytes.slice())
    this.#heldBytes += bytes.length
    this.#look()
  }

  end(how: 'ended' | 'closed'): void {
    if (this.#over === 'closed') return
    this.#over = how
    this.#look()
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve))
  }

  #look(): void {
    const waiting = this.#wake
    this.#wake = []
    for (const wake of waiting) wake()
  }
}

function endOf(incoming: Pipe, outgoing: Pipe): Stream {
  return {
    read: () => incoming.read(),
    write: (bytes) => outgoing.write(bytes),
    shutdown: () => outgoing.end('ended'),
    close() {
      incoming.end('closed')
      outgoing.end('ended')
    },
  }
}

/** Both ends of a connection. */
export function pipe(): { here: Stream; there: Stream } {
  const [out, back] = [new Pipe(), new Pipe()]
  return { here: endOf(back, out), there: endOf(out, back) }
}

interface Arrival {
  stream: Stream
  /** Undefined for one over a path. */
  peer: Address | undefined
}

/** What others connect to: a path of the laptop's, or a port. */
export class LocalListener {
  readonly #queue: Arrival[] = []
  #wake: (() => void) | undefined
  #closed = false

  constructor(
    private readonly gone: () => void,
    /** 0 for a path. */
    readonly port = 0,
  ) {}

  arrive(stream: Stream, peer?: Address): void {
    this.#queue.push({ stream, peer })
    this.#wake?.()
  }

  async accept(): Promise<Arrival> {
    if (this.#wake) throw new TypeError('one accept at a time')
    for (;;) {
      if (this.#closed) throw systemError('accept', undefined, 'ECANCELED')
      const next = this.#queue.shift()
      if (next) return next
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.gone()
    for (const { stream } of this.#queue) stream.close()
    this.#wake?.()
  }
}

export class LocalSockets {
  readonly #listeners = new Map<Path, LocalListener>()

  listen(path: Path): LocalListener {
    if (this.#listeners.has(path)) throw systemError('listen', path, 'EADDRINUSE')
    const listener = new LocalListener(() => this.#listeners.delete(path))
    this.#listeners.set(path, listener)
    return listener
  }

  connect(path: Path): Stream {
    const listener = this.#listeners.get(path)
    if (!listener) throw systemError('connect', path, 'ENOENT')
    const { here, there } = pipe()
    listener.arrive(there)
    return here
  }
}
