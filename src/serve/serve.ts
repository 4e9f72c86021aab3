/**
 * One client of our own read-only rsync daemon, from its greeting to its goodbye: shakes hands, reads what it
 * wants, sends the list of it, answers its requests. It sees the disk only through an `Offering`, changes
 * nothing, and says what became of the client; a client that is slow, broken or hostile costs itself only.
 */
import type { SentList } from 'native:sending'
import { DeadlineError, isExpected, PeerError } from '../errors.ts'
import type { Host } from '../host.ts'
import {
  CLIENT_FILTERS_SIZE_MAX,
  CLIENT_NOTES_MAX,
  FILE_LIST_ENTRIES_MAX,
  FILTER_RULE_MAX,
  PATH_LENGTH_MAX,
  THOUGHT_MIN_MS,
  THOUGHT_MS_A_MEGABYTE,
  THOUGHT_MS_AN_ENTRY,
} from '../limits.ts'
import type { WeakDigest } from '../rsync/address.ts'
import { readText } from '../rsync/greeting.ts'
import { Code } from '../rsync/incoming.ts'
import { Compatibility, readIntFrom } from '../rsync/negotiation.ts'
import { Pace } from '../rsync/pace.ts'
import { bytesOfArray } from '../text.ts'
import { agree, type ServedAgreement } from './agree.ts'
import { Answers, type SentFiles } from './answers.ts'
import type { Asked } from './asked.ts'
import { Filters } from './filters.ts'
import { ListMaker } from './list-maker.ts'
import { Lookup, type OfferedModule, type OfferedView, type Offering } from './offering.ts'
import { RsyncRefusal } from './refusal.ts'
import { Talk } from './talk.ts'
import { welcome } from './welcome.ts'

type Socket = import('native:sockets').Socket
type ServeModules = Pick<Host, 'sockets' | 'clock' | 'checksums' | 'random' | 'files' | 'sending'>

export interface ServeOptions {
  /** Names the client in messages. */
  client: string
  /** The longest time without useful work, while we wait for what the client owes. */
  timeoutMs: number
  /** The longest handshake, up to the filter rules. */
  handshakeMs: number
  /** The least rate of both directions together, while something is owed. */
  rateMin?: { bytesPerSecond: number; windowMs: number } | undefined
  /** Caps what is sent; may be shared by connections. */
  pace?: Pace | undefined
  /** Digests below SHA-256 that may answer for a password. */
  weakDigests?: readonly WeakDigest[]
  /** Entries of one list; undefined: as many as a tree may have. */
  entriesMax?: number
  /** What the client or we have to say about this session: harmless, a line. */
  note?(words: string): void
}

/** What became of a client. */
export interface ServedClient extends SentFiles {
  /** The module that it was let into. */
  module: string | undefined
  entries: number
  received: number
  sent: number
  /** Why it ended before its goodbye. */
  fault: Error | undefined
}

/** Ends when the client is served, gone or refused; never throws what a client can cause. Closes the socket. */
export async function serveConnection(
  modules: ServeModules,
  socket: Socket,
  offering: Offering,
  options: ServeOptions,
): Promise<ServedClient> {
  const serving = new Serving(modules, socket, offering, options)
  return serving.run()
}

/** Of rsync's errcode.h. */
const EXIT_SYNTAX = 1
const EXIT_PROTOCOL = 2
const EXIT_TIMEOUT = 30

class Serving {
  readonly #talk: Talk
  readonly #paces: Pace[]
  #module: OfferedModule | undefined
  #entries = 0
  #answers: Answers | undefined
  #protocol = 0
  #framed = false
  #notes = 0

  constructor(
    readonly modules: ServeModules,
    socket: Socket,
    readonly offering: Offering,
    readonly options: ServeOptions,
  ) {
    const { client: peer, timeoutMs, rateMin, pace } = options
    this.#paces = pace ? [pace] : []
    const wireOptions = { peer, timeoutMs, rateMin, sendingPaces: this.#paces }
    this.#talk = new Talk(modules, wireOptions, socket, (words) => this.#note(words))
  }

  async run(): Promise<ServedClient> {
    const { wire } = this.#talk
    let fault: Error | undefined
    try {
      await this.#serve()
      await this.#talk.farewell(this.modules.clock)
    } catch (error) {
      fault = wire.explain(error)
      // The client may be gone as soon as it has said goodbye.
      if (wire.phase === 'saying goodbye' && fault instanceof PeerError) fault = undefined
      else await this.#tell(fault, error instanceof RsyncRefusal ? error : undefined)
      if (fault && !isExpected(fault)) throw fault
    } finally {
      wire.close()
    }
    const { received, sent: sentBytes } = wire
    const { files = 0, literal = 0, matched = 0 } = this.#answers?.sent ?? {}
    const module = this.#module?.name
    const entries = this.#entries
    return { module, entries, received, sent: sentBytes, files, literal, matched, fault }
  }

  async #serve(): Promise<void> {
    const { modules, options } = this
    const { wire } = this.#talk
    const { patience } = wire
    patience.deadlineMs = modules.clock.monotonicMs() + options.handshakeMs
    const { weakDigests = [] } = options
    const welcomed = await welcome(wire, { modules, offering: this.offering, weakDigests })
    if (!welcomed) return
    const { view, asked, protocol, module } = welcomed
    this.#module = module
    this.#protocol = protocol
    try {
      const agreement = await agree(wire, modules, protocol, asked)
      this.#framed = true
      if (!asked.sender) throw new RsyncRefusal('ERROR: module is read only', EXIT_SYNTAX)
      if (asked.refusal) throw asked.refusal
      if (asked.timeoutSeconds > 0 && protocol >= 31) wire.keepAliveMs = asked.timeoutSeconds * 500
      if (asked.kibibytesPerSecond > 0) {
        this.#paces.push(new Pace(() => asked.kibibytesPerSecond * 1024))
      }
      await this.#transfer(view, asked, agreement, module)
    } finally {
      view.close()
    }
  }

  async #transfer(
    view: OfferedView,
    asked: Asked,
    agreement: ServedAgreement,
    { name: module }: OfferedModule,
  ): Promise<void> {
    const { modules, options } = this
    const talk = this.#talk
    const { patience } = talk.wire
    talk.wire.phase = 'reading its filter rules'
    const filters = await this.#readFilters()
    patience.deadlineMs = Number.POSITIVE_INFINITY
    patience.measures = true
    const list = modules.sending.openSentList({
      protocol: agreement.protocol,
      varintFlags: (agreement.bits & Compatibility.varintFlags) !== 0,
      links: asked.links,
      owners: asked.owners,
      groups: asked.groups,
      devices: asked.devices,
      specials: asked.specials,
      hardLinks: asked.hardLinks,
      checksum: asked.checksums ? agreement.listChecksum : undefined,
      entriesMax: options.entriesMax ?? FILE_LIST_ENTRIES_MAX,
    })
    try {
      const lookup = new Lookup(modules.files, view)
      const beganMs = modules.clock.monotonicMs()
      const listing = { list, lookup, asked, agreement, filters, module }
      const { maker, madeMs } = await this.#sendList(listing)
      const { entries, size } = modules.sending.sentSummary(list)
      this.#entries = entries
      // A client with nothing to ask for leaves at once, and so does stock.
      if (entries === 0) return
      patience.grantThought(
        THOUGHT_MIN_MS + entries * THOUGHT_MS_AN_ENTRY + (size / 1e6) * THOUGHT_MS_A_MEGABYTE,
      )
      const sentMs = modules.clock.monotonicMs() - beganMs - madeMs
      const listedMs = { made: madeMs, sent: sentMs }
      const answering = { modules, talk, list, maker, asked, agreement, module, listedMs }
      this.#answers = new Answers(answering)
      await this.#answers.run()
    } finally {
      this.#answers?.close()
      modules.sending.closeSentList(list)
    }
  }

  /** Rules, each with its length, up to a length of 0. */
  async #readFilters(): Promise<Filters> {
    const { wire } = this.#talk
    const filters = new Filters()
    for (let left = CLIENT_FILTERS_SIZE_MAX; ; ) {
      const length = await readIntFrom(wire)
      if (length === 0) return filters
      left -= length
      if (length < 0 || length > FILTER_RULE_MAX || left < 0) {
        throw new PeerError(`a filter rule of ${length} bytes, or too many of them`, 'broken')
      }
      const { incoming } = wire
      while (incoming.end - incoming.start < length) await wire.wait()
      const { buffer, start } = incoming
      incoming.start = start + length
      filters.add(bytesOfArray(buffer.subarray(start, start + length)))
    }
  }

  async #sendList(listing: {
    list: SentList
    lookup: Lookup
    asked: Asked
    agreement: ServedAgreement
    filters: Filters
    module: string
  }): Promise<{ maker: ListMaker; madeMs: number }> {
    const { list, lookup, asked, agreement, filters, module } = listing
    const { modules } = this
    const talk = this.#talk
    const beganMs = modules.clock.monotonicMs()
    talk.wire.phase = 'listing what it asked for'
    let ioError = 0
    const maker = new ListMaker({
      modules,
      list,
      lookup,
      asked,
      filters,
      checksum: agreement.listChecksum,
      complain: ({ call, name, why, fails }) => {
        if (fails) ioError = 1
        const words = `rsync: [sender] ${call} "/${name}" (in ${module}) failed: ${why}`
        talk.say(Code.errorTransfer, words)
      },
      mention: (words) => talk.say(Code.info, words),
      turn: () => talk.wire.turn(),
    })
    if (asked.filesFrom) await this.#addNames(maker, asked, module)
    else await maker.addPaths(module, asked.paths)
    const names = asked.numericIds ? undefined : [{ id: 0, name: 'root' }]
    modules.sending.endSentList(list, {
      ioError,
      errorEnd: agreement.protocol >= 31 || (agreement.bits & Compatibility.errorEnd) !== 0,
      users: names,
      groups: names,
      rootName: (agreement.bits & Compatibility.rootName) !== 0,
    })
    const madeMs = modules.clock.monotonicMs() - beganMs
    await talk.send(
      (...window) => modules.sending.drainList(list, ...window),
      () => modules.sending.listDrained(list),
    )
    talk.wire.flush()
    return { maker, madeMs }
  }

  /** Names that end in NUL, up to an empty one. Each is used at once, so they cost no memory. */
  async #addNames(maker: ListMaker, asked: Asked, module: string): Promise<void> {
    const { wire } = this.#talk
    if (this.#protocol < 31) throw new RsyncRefusal('files-from needs protocol 31 here', 4)
    const [path = ''] = asked.paths
    const under = path.startsWith(`${module}/`) ? path.slice(module.length + 1) : path
    const namesMax = this.options.entriesMax ?? FILE_LIST_ENTRIES_MAX
    for (let count = 0; ; count++) {
      const name = await readText(wire, 0, PATH_LENGTH_MAX)
      if (name === '') return
      if (count >= namesMax) throw new RsyncRefusal(`more than ${namesMax} names in a list`, 4)
      wire.patience.worked(name.length + 1)
      wire.patience.expect(name.length + 1)
      await this.#talk.room()
      await maker.addName(under, name)
    }
  }

  /** Says why it ends, as far as the client can still be told. */
  async #tell(fault: Error, refusal: RsyncRefusal | undefined): Promise<void> {
    if (fault instanceof PeerError && (fault.kind === 'cut' || fault.kind === 'away')) return
    const talk = this.#talk
    if (this.#framed) {
      const otherwise = fault instanceof DeadlineError ? EXIT_TIMEOUT : EXIT_PROTOCOL
      const code = refusal?.exitCode ?? otherwise
      const words = refusal?.words ?? fault.message
      talk.say(Code.error, words.startsWith('ERROR: ') ? words : `rsync: [sender] ${words}`)
      if (this.#protocol >= 31) talk.sayNumber(Code.errorExit, code)
    }
    this.#note(fault.message)
    await talk.farewell(this.modules.clock)
  }

  /** Whoever talks on and on is not written down. */
  #note(words: string): void {
    if (this.#notes++ < CLIENT_NOTES_MAX) this.options.note?.(words)
  }
}
