/**
 * Asks for files: writes one request after the other while there is room, with the block sums of its
 * basis. It runs between the receiver's turns and never waits; a big basis is summed in pieces, so
 * that input is drained meanwhile.
 */
import type { SumHead } from 'native:delta'
import { assert } from '../errors.ts'
import type { Fd, Host } from '../host.ts'
import { NO_BASIS, sumHead } from './block-size.ts'
import { IndexWriter } from './integers.ts'
import type { Agreement } from './negotiation.ts'
import type { Outgoing } from './outgoing.ts'
import type { WirePatience } from './patience.ts'

/** One file to fetch. */
export interface FileRequest {
  /** Its index in the file list (`Session.find`). */
  index: number
  /** A longer file is the peer's fault, and ends the session. */
  sizeMax: number
  /** A local file with some of its content. Stays open until `received`. */
  basis?: { fd: Fd; size: number }
  /** Gives an empty file to write to; called when the answer begins, and again for a second try. */
  target(): Fd
  /**
   * The outcome. `not-sent`: the server could not open it. `checksum`: twice, what came was not what the
   * server meant to send.
   */
  received(result: { size: number; digest: string } | { failed: 'not-sent' | 'checksum' }): void
  /** Called instead of `received` if the session ends first: what was opened may be closed. */
  abandoned?(): void
}

/** A request that waits for its answer, with the head that the answer has to echo. */
export interface RequestedFile {
  request: FileRequest
  head: SumHead
}

/** Requests that may wait to be written: enough to fill a window of TCP (bytes). */
const QUEUE_MAX = 256 * 1024
/** Requests that may wait for their answer: the next 300 ms of small files on a fast line. */
const ASKED_MAX = 1000
/** Each of those with a basis holds a file open, and 1024 is a usual limit of them. */
const BASES_MAX = 250
/** What is read and summed before the event loop gets a turn (bytes). */
const TURN_BYTES = 4 * 1024 * 1024
/** The size of a request without its sums, or of an answer without content: head, trailer and some more (bytes). */
const REQUEST_LENGTH = 32
const ANSWER_LENGTH = 256
/** ITEM_TRANSFER alone: send this file. */
export const TRANSFER = 0x8000

export class Requester {
  readonly asked = new Map<number, RequestedFile>()
  /** Whether the second try, with whole strong sums, is going on. */
  full = false
  readonly #indexes = new IndexWriter()
  #requests: Iterator<FileRequest> | undefined
  #basesOpen = 0
  /** The request whose block sums are being written. */
  #current: RequestedFile | undefined
  #nextBlock = 0

  constructor(
    readonly delta: Host['delta'],
    readonly outgoing: Outgoing,
    readonly agreement: Agreement,
    readonly patience: WirePatience,
  ) {}

  begin(requests: Iterable<FileRequest>): void {
    assert(this.#requests === undefined, 'one fetch at a time')
    this.#requests = requests[Symbol.iterator]()
  }

  /** The session ends here: no further request is drawn, and those that wait are given up. */
  abandon(): void {
    const requests = this.#requests
    this.#requests = undefined
    this.#current = undefined
    requests?.return?.()
    const waiting = [...this.asked.values()]
    this.asked.clear()
    for (const { request } of waiting) request.abandoned?.()
  }

  /** Whether `produce` can go on now. */
  get ready(): boolean {
    if (this.outgoing.queued >= QUEUE_MAX) return false
    if (this.#current) return true
    return (
      this.#requests !== undefined && this.asked.size < ASKED_MAX && this.#basesOpen < BASES_MAX
    )
  }

  /** Whether all requests were written and answered. */
  get done(): boolean {
    return this.#requests === undefined && this.asked.size === 0
  }

  /** Writes requests while there is room; returns true if it stopped only to let others have a turn. */
  produce(): boolean {
    let left = TURN_BYTES
    while (this.ready) {
      if (left <= 0) return true
      if (this.#current) {
        left -= this.#sum(this.#current)
        continue
      }
      const next = this.#requests?.next()
      if (!next || next.done) this.#requests = undefined
      else this.#ask(next.value)
    }
    return false
  }

  /** The request of an index that may be answered now: one that was asked for, to its last byte. */
  awaiting(index: number): RequestedFile | undefined {
    const asked = this.asked.get(index)
    return asked === this.#current ? undefined : asked
  }

  /** An answer came: its request waits no longer. */
  answered(asked: RequestedFile): void {
    this.asked.delete(asked.request.index)
    if (asked.head !== NO_BASIS) this.#basesOpen--
  }

  indexDone(): void {
    this.outgoing.open(1)
    this.outgoing.buffer[this.outgoing.at++] = 0
  }

  #ask(request: FileRequest): void {
    const { agreement, outgoing } = this
    const { index, basis } = request
    assert(!this.asked.has(index), 'a file that is asked for twice')
    const head =
      basis && agreement.blockSums ? sumHead(basis.size, agreement.checksum, this.full) : NO_BASIS
    const asked = { request, head }
    this.asked.set(index, asked)
    this.patience.expect(answerLengthMax(request) + REQUEST_LENGTH + sumsLength(head))
    outgoing.open(24)
    const { buffer } = outgoing
    let at = this.#indexes.write(index, buffer, outgoing.at)
    buffer[at++] = TRANSFER & 0xff
    buffer[at++] = TRANSFER >> 8
    at = writeInt(head.count, buffer, at)
    at = writeInt(head.blockLength, buffer, at)
    at = writeInt(head.strongLength, buffer, at)
    outgoing.at = writeInt(head.remainder, buffer, at)
    if (head === NO_BASIS) return
    this.#basesOpen++
    this.#current = asked
    this.#nextBlock = 0
  }

  /** Writes the sums of the next piece of a basis; returns how much of it was read. */
  #sum({ request, head }: RequestedFile): number {
    const { delta, outgoing, agreement } = this
    const { basis } = request
    assert(basis, 'block sums without a basis')
    const most = Math.max(1, Math.floor(TURN_BYTES / head.blockLength))
    const count = Math.min(most, head.count - this.#nextBlock)
    const { checksum, seed } = agreement
    outgoing.bytes(delta.blockSums(basis.fd, head, this.#nextBlock, count, checksum, seed))
    this.#nextBlock += count
    if (this.#nextBlock === head.count) this.#current = undefined
    return count * head.blockLength
  }
}

/** The most that an answer takes on the wire: incompressible content, in frames and tokens. */
export function answerLengthMax({ sizeMax }: FileRequest): number {
  return sizeMax + Math.ceil(sizeMax / 8) + ANSWER_LENGTH
}

/** The size of the block sums that go out before it. */
function sumsLength({ count, strongLength }: SumHead): number {
  return count * (4 + strongLength)
}

function writeInt(value: number, buffer: Uint8Array, at: number): number {
  buffer[at] = value & 0xff
  buffer[at + 1] = (value >> 8) & 0xff
  buffer[at + 2] = (value >> 16) & 0xff
  buffer[at + 3] = value >>> 24
  return at + 4
}
