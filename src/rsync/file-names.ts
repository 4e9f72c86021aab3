/**
 * The names of a `--files-from` session, sent while the file list arrives. They are drawn from their
 * iterable only as they are sent; the first ones, which may go out before it is known that the server
 * understands us, are kept so that a second attempt can send them again.
 */
import type { Path } from '../host.ts'
import { addPath, type Extent } from './extent.ts'
import type { Outgoing } from './outgoing.ts'

/** Names sent before the server has answered anything: they must fit any socket's buffers (bytes). */
const EARLY_MAX = 16 * 1024
/** Names that may wait to be written (bytes). */
const QUEUE_MAX = 64 * 1024

export class FileNames {
  /** What comes before each name on the wire. */
  readonly prefix: Path
  /** What a list of the names drawn so far may have: each name, and the folders above it. */
  readonly extent: Extent = { entries: 0, namesLength: 0 }
  readonly #names: Iterator<Path>
  /** What went out early. */
  #early: Path[] = []
  #earlyLength = 0
  #ended = false
  #endSent = false

  /** `under` is the folder of the module that the names are relative to. */
  constructor(names: Iterable<Path>, under: Path) {
    this.#names = names[Symbol.iterator]()
    this.prefix = under === '' ? '' : `${under}/`
  }

  get done(): boolean {
    return this.#endSent
  }

  /** Sends the first names; may be called again for a new connection. */
  sendEarly(outgoing: Outgoing): void {
    this.#endSent = false
    for (const name of this.#early) outgoing.text(name, 0)
    while (this.#earlyLength < EARLY_MAX && !this.#ended) {
      const name = this.#next()
      if (name === undefined) break
      this.#early.push(name)
      this.#earlyLength += name.length + 1
      outgoing.text(name, 0)
    }
    this.#sendEnd(outgoing)
  }

  /** Goes on sending while there is room. */
  send(outgoing: Outgoing): void {
    this.#early = []
    while (!this.#ended && outgoing.queued < QUEUE_MAX) {
      const name = this.#next()
      if (name !== undefined) outgoing.text(name, 0)
    }
    this.#sendEnd(outgoing)
  }

  #next(): Path | undefined {
    const next = this.#names.next()
    if (!next.done) {
      const name = this.prefix + next.value
      addPath(this.extent, name)
      return name
    }
    this.#ended = true
    return undefined
  }

  /** An empty name ends the names. */
  #sendEnd(outgoing: Outgoing): void {
    if (!this.#ended || this.#endSent) return
    outgoing.bytes([0])
    this.#endSent = true
  }
}
