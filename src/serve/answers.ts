/**
 * The records of a transfer, as the sender reads and answers them: requests with their sums, files as token
 * streams, phases, statistics, goodbye. A file that can't be read any more is not sent; a request for what is no
 * regular file, past the list, or after its phase ends the session.
 */
import type { Sender, SentList } from 'native:sending'
import { isSystemError, PeerError } from '../errors.ts'
import type { Fd, Host } from '../host.ts'
import { RECORDS_AN_ENTRY_MAX } from '../limits.ts'
import { Code } from '../rsync/incoming.ts'
import {
  INDEX_DONE,
  IndexReader,
  IndexWriter,
  readVarint,
  writeVarlong,
} from '../rsync/integers.ts'
import { Compatibility } from '../rsync/negotiation.ts'
import { show } from '../text.ts'
import type { ServedAgreement } from './agree.ts'
import type { Asked } from './asked.ts'
import type { ListMaker } from './list-maker.ts'
import type { Offered } from './offering.ts'
import { type RequestRecord, readRequest, recordBytes, sumHeadBytes } from './request.ts'
import type { Talk } from './talk.ts'

interface Answering {
  modules: Pick<Host, 'files' | 'sending' | 'clock'>
  talk: Talk
  list: SentList
  maker: ListMaker
  asked: Asked
  agreement: ServedAgreement
  /** The module's name, for messages. */
  module: string
  /** For statistics: how long it took to make the list, and to send it. */
  listedMs: { made: number; sent: number }
}

export interface SentFiles {
  files: number
  literal: number
  matched: number
}

/** Bits of the error that the client gets at the end (rsync.h IOERR_*). */
const IO_ERROR_GENERAL = 1
const IO_ERROR_VANISHED = 2
/** The client says how much it deleted, which we only hand back (rsync.h NDX_DEL_STATS). */
const INDEX_DELETED = -3
const DELETED_KINDS = 5
const TYPE_MASK = 0o170000
const TYPE_REGULAR = 0o100000
const BASIS_PARTIAL = 0x81
const BASIS_FILE = 0x80
/** Two phases of files, then the goodbye. */
const PHASES = 2

/** By how often `--append` was said. */
const APPEND_WAYS = [undefined, 'tail', 'whole'] as const

type Sizes = { size: number; source: Fd | Uint8Array }

export class Answers {
  readonly sent: SentFiles = { files: 0, literal: 0, matched: 0 }
  readonly #sender: Sender
  readonly #reader = new IndexReader()
  readonly #writer = new IndexWriter()
  readonly #recordsMax: number
  #records = 0
  #ioError = 0
  #dones = 0
  /** Files that were continued once. */
  readonly #appended = new Set<number>()
  /** What the client said of its deletions, as it came. */
  #deleted: Uint8Array | undefined

  constructor(readonly answering: Answering) {
    const { modules, agreement } = answering
    const { compression, checksum, seed, bits } = agreement
    const { entries } = modules.sending.sentSummary(answering.list)
    this.#recordsMax = entries * RECORDS_AN_ENTRY_MAX
    this.#sender = modules.sending.openSender({
      compression,
      algorithm: checksum,
      seed,
      seedFirst: (bits & Compatibility.properSeedOrder) !== 0,
    })
  }

  close(): void {
    this.answering.modules.sending.closeSender(this.#sender)
  }

  /** From the first request to the goodbye. */
  async run(): Promise<void> {
    const { talk, agreement } = this.answering
    const modern = agreement.protocol >= 31
    while (this.#dones <= PHASES) {
      talk.wire.phase = 'waiting for requests'
      const index = await this.#index()
      if (index !== INDEX_DONE) await this.#answer(index)
      else await this.#phaseDone()
    }
    this.#statistics()
    talk.wire.phase = 'saying goodbye'
    // After the deletions of a client there is one more from protocol 31 on, and then its goodbye.
    if (modern) {
      await this.#indexOfEnd()
      if (this.#deleted) talk.wire.outgoing.bytes(this.#deleted)
      this.#writeDone()
      await talk.drain()
    }
    await this.#indexOfEnd()
    await talk.drain()
  }

  async #index(): Promise<number> {
    const { talk } = this.answering
    for (;;) {
      const index = await talk.read((buffer, start, end) => {
        const next = this.#reader.read(buffer, start, end)
        if (next < 0) return undefined
        talk.used(next - start)
        return this.#reader.value
      })
      if (index !== INDEX_DELETED) return index
      await this.#readDeleted()
    }
  }

  async #readDeleted(): Promise<void> {
    const { talk } = this.answering
    if (this.#deleted) throw new PeerError('two statistics of deletions', 'broken')
    this.#deleted = await talk.read((buffer, start, end) => {
      let at = start
      for (let i = 0; i < DELETED_KINDS; i++) {
        const reading = readVarint(buffer, at, end)
        if (!reading) return undefined
        at = reading.next
      }
      const bytes = Uint8Array.from([0xff, 2, ...buffer.subarray(start, at)])
      talk.used(at - start)
      return bytes
    })
  }

  /** The client's last markers; a client may be gone instead of the very last one. */
  async #indexOfEnd(): Promise<void> {
    const index = await this.#index()
    if (index !== INDEX_DONE) throw new PeerError(`index ${index} after the last phase`, 'broken')
  }

  async #phaseDone(): Promise<void> {
    this.#dones++
    const { talk, agreement } = this.answering
    if (this.#dones > PHASES && this.#ioError !== 0 && agreement.protocol >= 30) {
      talk.sayNumber(Code.ioError, this.#ioError)
    }
    this.#writeDone()
    talk.wire.flush()
  }

  #writeDone(): void {
    this.answering.talk.wire.outgoing.bytes([0])
  }

  async #answer(index: number): Promise<void> {
    const { modules, talk, list, asked } = this.answering
    // Nobody is served the same things on and on.
    if (++this.#records > this.#recordsMax) throw new PeerError('too many requests', 'broken')
    const entry = index < 0 ? undefined : modules.sending.sentAt(list, index)
    if (!entry) throw new PeerError(`index ${index}, which the list has not`, 'broken')
    const record = await talk.read((buffer, start, end) => {
      const reading = readRequest(buffer, start, end, asked.dryRun)
      if (reading) talk.used(reading.next - start)
      return reading?.record
    })
    const echo = () => {
      const { outgoing } = talk.wire
      outgoing.open(5)
      outgoing.at = this.#writer.write(index, outgoing.buffer, outgoing.at)
      outgoing.bytes(recordBytes(record))
    }
    await talk.room()
    if (!record.transfers) return echo()
    if ((entry.mode & TYPE_MASK) !== TYPE_REGULAR) {
      throw new PeerError(`a request for "${show(entry.name)}", which is no file`, 'broken')
    }
    if (this.#dones >= PHASES) throw new PeerError('a request after the last phase', 'broken')
    if (asked.dryRun) return echo()
    talk.wire.phase = `sending "${show(entry.name)}"`
    await this.#readSums(index, record)
    const offered = this.answering.maker.offered(entry.name, entry.place, entry.key)
    await this.#send({ index, name: entry.name, record, offered, echo })
  }

  async #readSums(index: number, { head }: RequestRecord): Promise<void> {
    const { modules, talk, asked } = this.answering
    const { sending } = modules
    // What came out wrong is asked for again as if nothing had been appended (sender.c send_files).
    const append = this.#appended.has(index) ? undefined : APPEND_WAYS[asked.append]
    if (append) this.#appended.add(index)
    sending.beginSums(this.#sender, head, append)
    while (!sending.sumsComplete(this.#sender)) {
      const { incoming } = talk.wire
      const { buffer, start, end } = incoming
      if (start < end) talk.used(sending.feedSums(this.#sender, buffer, start, end - start))
      else await talk.wire.wait()
    }
  }

  async #send(file: {
    index: number
    name: string
    record: RequestRecord
    offered: Offered | undefined
    echo(): void
  }): Promise<void> {
    const { sending, files } = this.answering.modules
    const { talk } = this.answering
    const opened = this.#open(file.index, file.name, file.offered)
    if (!opened) {
      sending.dropSums(this.#sender)
      return
    }
    try {
      file.echo()
      talk.wire.outgoing.bytes(sumHeadBytes(file.record.head))
      const inPlace = this.#inPlace(file.record)
      sending.beginSending(this.#sender, { ...opened, inPlace })
      await talk.send(
        (...window) => sending.produce(this.#sender, ...window),
        () => sending.sendingEnded(this.#sender),
      )
      const { literal, matched, readError } = sending.finishSending(this.#sender)
      this.sent.files++
      this.sent.literal += literal
      this.sent.matched += matched
      if (readError !== undefined) this.#fault(file.name, 'read errors mapping', readError)
    } finally {
      if (typeof opened.source === 'number') files.close(opened.source)
    }
  }

  /** The client changes its old file while it reads it, so blocks of it may be gone (RSYNC's --inplace). */
  #inPlace({ basisType }: RequestRecord): boolean {
    const { asked, agreement } = this.answering
    if (basisType === BASIS_PARTIAL) return (agreement.bits & Compatibility.inPlacePartial) !== 0
    return asked.inPlace && basisType === BASIS_FILE
  }

  /** Undefined: it is not there any more, or can't be read; the client was told. */
  #open(index: number, name: string, offered: Offered | undefined): Sizes | undefined {
    const { talk, maker, modules, module } = this.answering
    try {
      if (offered?.content) return { source: offered.content, size: offered.content.length }
      if (offered) {
        const source = maker.making.lookup.open(offered)
        return { source, size: modules.files.statHandle(source).size }
      }
      this.#ioError |= IO_ERROR_VANISHED
      talk.say(Code.warning, `file has vanished: "/${name}" (in ${module})`)
    } catch (error) {
      if (!isSystemError(error)) throw error
      this.#fault(name, 'send_files failed to open', error.code)
    }
    talk.sayNumber(Code.noSend, index)
    return undefined
  }

  #fault(name: string, what: string, code: string): void {
    const { talk, module } = this.answering
    this.#ioError |= IO_ERROR_GENERAL
    talk.say(Code.errorTransfer, `rsync: [sender] ${what} "/${name}" (in ${module}): ${code}`)
  }

  #statistics(): void {
    const { modules, talk, list, listedMs } = this.answering
    const { received, sent, outgoing } = talk.wire
    const { size } = modules.sending.sentSummary(list)
    const numbers = [received, sent + outgoing.queued, size, listedMs.made, listedMs.sent]
    for (const number of numbers) outgoing.bytes(writeVarlong(Math.round(number), 3))
    talk.wire.flush()
  }
}
