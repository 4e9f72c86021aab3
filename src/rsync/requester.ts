/**
 * Asks for files: writes one request after the other while there is room, with the block sums of its
 * basis. It runs between the receiver's turns and never waits; a big basis is summed in pieces, so
 * that input is drained meanwhile.
 */
import type { SumHead } from 'native:delta'
import { assert } from '../errors.ts'
import type { Host, Path } from '../host.ts'
import type { WantedFile } from '../wanted-file.ts'
import { NO_BASIS, sumHead } from './block-size.ts'
import { IndexWriter } from './integers.ts'
import type { Agreement } from './negotiation.ts'
import type { Outgoing } from './outgoing.ts'
import type { WirePatience } from './patience.ts'

/** A request that waits for its answer: the wish, its index in the file list, and the head to be echoed. */
export interface RequestedFile {
  file: WantedFile
  index: number
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
  readonly outgoing: Outgoing
  readonly patience: WirePatience
  readonly asked = new Map<number, RequestedFile>()
  /** Whether the second try, with whole strong sums, is going on. */
  full = false
  readonly #indexes = new IndexWriter()
  #wanted: Iterator<WantedFile> | undefined
  #basesOpen = 0
  /** The request whose block sums are being written. */
  #current: RequestedFile | undefined
  #nextBlock = 0

  constructor(
    readonly delta: Host['delta'],
    /** Where a regular file stands in the list, and its size there. */
    readonly find: (name: Path) => { index: number; size: number } | undefined,
    { outgoing, patience }: { outgoing: Outgoing; patience: WirePatience },
    readonly agreement: Agreement,
  ) {
    this.outgoing = outgoing
    this.patience = patience
  }

  begin(wanted: Iterable<WantedFile>): void {
    assert(this.#wanted === undefined, 'one fetch at a time')
    this.#wanted = wanted[Symbol.iterator]()
  }

  /** The session ends here: no further request is drawn, and those that wait are given up. */
  abandon(): void {
    const wanted = this.#wanted
    this.#wanted = undefined
    this.#current = undefined
    wanted?.return?.()
    const waiting = [...this.asked.values()]
    this.asked.clear()
    for (const { file } of waiting) file.abandoned?.()
  }

  /** Whether `produce` can go on now. */
  get ready(): boolean {
    if (this.outgoing.queued >= QUEUE_MAX) return false
    if (this.#current) return true
    return this.#wanted !== undefined && this.asked.size < ASKED_MAX && this.#basesOpen < BASES_MAX
  }

  /** Whether all requests were written and answered. */
  get done(): boolean {
    return this.#wanted === undefined && this.asked.size === 0
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
      const next = this.#wanted?.next()
      if (!next || next.done) this.#wanted = undefined
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
    this.asked.delete(asked.index)
    if (asked.head !== NO_BASIS) this.#basesOpen--
  }

  indexDone(): void {
    this.outgoing.open(1)
    this.outgoing.buffer[this.outgoing.at++] = 0
  }

  /**
   * Asks for a file, or says at once that it will not come: one that is not listed, and one that outgrew
   * its size, whose answer would end the session for all those after it.
   */
  #ask(file: WantedFile): void {
    const listed = this.find(file.name)
    if (!listed) file.done({ failed: 'absent' })
    else if (listed.size > file.sizeMax) file.done({ failed: 'too-large' })
    else this.#write(file, listed.index)
  }

  #write(file: WantedFile, index: number): void {
    const { agreement, outgoing } = this
    const { basis } = file
    assert(!this.asked.has(index), 'a file that is asked for twice')
    const head =
      basis && agreement.blockSums ? sumHead(basis.size, agreement.checksum, this.full) : NO_BASIS
    const asked = { file, index, head }
    this.asked.set(index, asked)
    this.patience.expect(answerLengthMax(file) + REQUEST_LENGTH + sumsLength(head))
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
  #sum({ file: { basis }, head }: RequestedFile): number {
    const { delta, outgoing, agreement } = this
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
export function answerLengthMax({ sizeMax }: WantedFile): number {
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
