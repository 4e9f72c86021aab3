/**
 * Takes the answers: a record, a token stream that the native rebuilder turns into a file, the
 * whole-file checksum; and the DONEs and statistics at the end. A state machine that stops wherever
 * the buffer ends; it never waits and never looks at content.
 */
import type { Rebuilder } from 'native:delta'
import { PeerError } from '../errors.ts'
import type { Host } from '../host.ts'
import type { WantedFile } from '../wanted-file.ts'
import { checksumLength, NO_BASIS } from './block-size.ts'
import type { Incoming } from './incoming.ts'
import { INDEX_DONE, IndexReader, NEED_MORE, readVarlong } from './integers.ts'
import type { Agreement } from './negotiation.ts'
import type { WirePatience } from './patience.ts'
import { answerLengthMax, type RequestedFile, type Requester, TRANSFER } from './requester.ts'

const ReceiverState = { index: 0, head: 1, tokens: 2, trailer: 3, statistics: 4 } as const
/** Bytes of iflags and sum head. */
const HEAD_LENGTH = 18
/** How many files may wait for a second try: each keeps its basis open. More of them are no accident. */
const REDO_MAX = 250
/** Each direction's bytes, the sizes' sum, and two durations (rsync main.c handle_stats). */
const STATISTICS_COUNT = 5
/** The DONE after which a server that sends reports its statistics. */
const DONES_BEFORE_STATISTICS = 3

export class Receiver {
  /** Files whose checksum did not hold, to be asked for again. */
  readonly redo: RequestedFile[] = []
  /** How many DONEs came, and how many our own DONEs entitle the peer to. */
  dones = 0
  donesDue = 0
  statisticsCame = false
  literal = 0
  matched = 0
  readonly incoming: Incoming
  readonly requester: Requester
  readonly patience: WirePatience
  readonly #view: DataView
  readonly #indexes = new IndexReader()
  readonly #checksumLength: number
  #state: number = ReceiverState.index
  #statisticsLeft = STATISTICS_COUNT
  #asked: RequestedFile | undefined
  /** How much of the answer that is arriving may still count as useful: a file has an end. */
  #worthLeft = 0

  constructor(
    readonly delta: Host['delta'],
    readonly rebuilder: Rebuilder,
    parts: {
      incoming: Incoming
      requester: Requester
      patience: WirePatience
      agreement: Agreement
    },
  ) {
    this.incoming = parts.incoming
    this.requester = parts.requester
    this.patience = parts.patience
    this.#view = new DataView(this.incoming.buffer.buffer)
    this.#checksumLength = checksumLength(parts.agreement.checksum)
  }

  /** The index of the file that is arriving, or -1. */
  get arriving(): number {
    return this.#asked?.index ?? -1
  }

  /** The files of the second try, each taken from `redo` as it is drawn. */
  *again(): Generator<WantedFile> {
    for (let asked = this.redo.shift(); asked; asked = this.redo.shift()) yield asked.file
  }

  /** Uses as much as it can of what came. */
  consume(): void {
    const { incoming } = this
    while (incoming.start < incoming.end) {
      if (!this.#step()) return
    }
  }

  /** The server can't send a file: it says so between its answers. */
  notSent(index: number): void {
    const asked = this.requester.awaiting(index)
    if (!asked || asked === this.#asked) {
      throw new PeerError(`no file ${index} will come, but none was asked for`, 'broken')
    }
    this.requester.answered(asked)
    asked.file.done({ failed: 'absent' })
  }

  #step(): boolean {
    switch (this.#state) {
      case ReceiverState.index:
        return this.#takeIndex()
      case ReceiverState.head:
        return this.#takeHead()
      case ReceiverState.tokens:
        return this.#takeTokens()
      case ReceiverState.trailer:
        return this.#takeTrailer()
      default:
        return this.#takeStatistics()
    }
  }

  #takeIndex(): boolean {
    const { incoming } = this
    const next = this.#indexes.read(incoming.buffer, incoming.start, incoming.end)
    if (next === NEED_MORE) return false
    incoming.start = next
    const index = this.#indexes.value
    if (index === INDEX_DONE) {
      if (++this.dones > this.donesDue) throw new PeerError('a DONE that ends nothing', 'broken')
      if (this.dones === DONES_BEFORE_STATISTICS) this.#state = ReceiverState.statistics
      return true
    }
    this.#asked = this.requester.awaiting(index)
    if (!this.#asked) throw new PeerError(`file ${index}, which was not asked for`, 'broken')
    this.#state = ReceiverState.head
    return true
  }

  #takeHead(): boolean {
    const { incoming } = this
    const { start } = incoming
    if (incoming.end - start < HEAD_LENGTH) return false
    const view = this.#view
    const { file, index, head } = this.#asked as RequestedFile
    if (
      view.getUint16(start, true) !== TRANSFER ||
      view.getInt32(start + 2, true) !== head.count ||
      view.getInt32(start + 6, true) !== head.blockLength ||
      view.getInt32(start + 10, true) !== head.strongLength ||
      view.getInt32(start + 14, true) !== head.remainder
    ) {
      throw new PeerError(`an answer for file ${index} that differs from its request`, 'broken')
    }
    incoming.start = start + HEAD_LENGTH
    this.#worthLeft = answerLengthMax(file)
    this.#worked(HEAD_LENGTH)
    this.delta.beginFile(this.rebuilder, {
      head,
      basis: head === NO_BASIS ? undefined : file.basis?.fd,
      target: file.target(),
      sizeMax: file.sizeMax,
    })
    this.#state = ReceiverState.tokens
    return true
  }

  #takeTokens(): boolean {
    const { delta, rebuilder, incoming } = this
    const { start } = incoming
    const used = delta.feed(rebuilder, incoming.buffer, start, incoming.end - start)
    incoming.start = start + used
    this.#worked(used)
    if (delta.ended(rebuilder)) {
      this.#state = ReceiverState.trailer
      return true
    }
    return used > 0
  }

  #takeTrailer(): boolean {
    const { incoming } = this
    const { start } = incoming
    const length = this.#checksumLength
    if (incoming.end - start < length) return false
    const result = this.delta.finishFile(this.rebuilder)
    const { checksum, size, literal } = result
    const { buffer } = incoming
    let same = checksum.length === length
    for (let i = 0; same && i < length; i++) same = checksum[i] === buffer[start + i]
    incoming.start = start + length
    this.#worked(length)
    this.literal += literal
    this.matched += size - literal
    this.#state = ReceiverState.index
    const asked = this.#asked as RequestedFile
    this.#asked = undefined
    this.requester.answered(asked)
    if (same) asked.file.done({ size, digest: result.digest })
    else this.#differs(asked)
    return true
  }

  #worked(count: number): void {
    const worth = Math.min(count, this.#worthLeft)
    this.#worthLeft -= worth
    this.patience.worked(worth)
  }

  #differs(asked: RequestedFile): void {
    if (this.requester.full) {
      asked.file.done({ failed: 'damaged' })
      return
    }
    if (this.redo.length >= REDO_MAX) {
      throw new PeerError(`more than ${REDO_MAX} files that differ from their checksums`, 'broken')
    }
    this.redo.push(asked)
  }

  #takeStatistics(): boolean {
    const { incoming } = this
    const reading = readVarlong(incoming.buffer, incoming.start, incoming.end, 3)
    if (!reading) return false
    incoming.start = reading.next
    if (--this.#statisticsLeft === 0) {
      this.statisticsCame = true
      this.#state = ReceiverState.index
    }
    return true
  }
}
