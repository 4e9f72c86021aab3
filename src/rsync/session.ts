/**
 * A session with a stock rsync daemon, from the connection to the goodbye: lists what is there, then
 * fetches what it is asked for, each file against a local basis. It never trusts what it lists or
 * gets: names are only looked up, and the caller checks what came.
 */
import type { FileList, Rebuilder } from 'native:delta'
import { assert, ConfigError, DeadlineError, PeerError } from '../errors.ts'
import type { Host, Path } from '../host.ts'
import { bytesOfArray, show } from '../text.ts'
import type { WantedFile } from '../wanted-file.ts'
import { type Address, nameOfAddress } from './address.ts'
import type { Selection } from './arguments.ts'
import { type Attempt, attempts, open } from './attempt.ts'
import { FileNames } from './file-names.ts'
import { Code, Incoming } from './incoming.ts'
import type { Link } from './link.ts'
import { openList, readList } from './listing.ts'
import type { Agreement, TransferChecksum } from './negotiation.ts'
import type { Pace } from './pace.ts'
import { Receiver } from './receiver.ts'
import { Requester } from './requester.ts'
import { Wire } from './wire.ts'

export { type Address, WEAK_DIGESTS, type WeakDigest } from './address.ts'
export type { Selection } from './arguments.ts'
export type { Link } from './link.ts'
export { Pace } from './pace.ts'
export { rateWindowMs } from './patience.ts'

export type SessionModules = Pick<Host, 'sockets' | 'delta' | 'checksums' | 'clock'>

export interface SessionOptions {
  address: Address
  selection: Selection
  /** `auto`: the best that both sides know, or none if they share none. */
  compression: 'zstd' | 'zlibx' | 'none' | 'auto'
  compressLevel?: number
  connectTimeoutMs: number
  /** The longest silence, and the longest handshake. */
  timeoutMs: number
  /** The least rate of both directions together, while files are awaited. */
  rateMin?: { bytesPerSecond: number; windowMs: number }
  /** The daemon's messages: byte strings as they came, to be shown by `show`. */
  onServerText?(level: 'error' | 'warning' | 'notice', text: string): void
  onBytes?(received: number, sent: number): void
  /** Caps what is received; may be shared by sessions. */
  pace?: Pace | undefined
  /** Asked once a second while hardly anything useful comes; an error that it gives ends the session. */
  interrupted?: (() => Error | undefined) | undefined
  /** Another way to the daemon than a TCP connection to the address. */
  link?: (() => Link) | undefined
  /** Names the peer in messages; undefined: by its address. */
  peer?: string | undefined
  /** For tests with newer daemons: the protocol that an older client would announce. */
  protocol?: 30 | 31 | 32
  checksums?: readonly TransferChecksum[]
  capabilities?: string
}

const SLOW_CURE =
  'another source may be faster; see minimum-bytes-per-second and timeout-seconds of [transfer]'

/** How long the goodbye may take: by then every file is here and checked (ms). */
const GOODBYE_MS = 5000

/** Of a mode, as rsync sends it on every system. */
const TYPE_MASK = 0o170000
const TYPE_REGULAR = 0o100000

export class Session {
  readonly #wire: Wire
  readonly #list: FileList
  readonly #rebuilder: Rebuilder
  readonly #requester: Requester
  readonly #receiver: Receiver
  /** How many the server lists. */
  readonly entries: number
  #finished = false
  #closed = false

  private constructor(
    readonly modules: SessionModules,
    readonly peer: string,
    readonly agreement: Agreement,
    wire: Wire,
    list: FileList,
    readonly prefix: Path,
  ) {
    const { delta } = modules
    this.#wire = wire
    this.#list = list
    this.entries = delta.listSummary(list).entries
    this.#requester = new Requester(delta, (name) => this.find(name), wire, agreement)
    this.#rebuilder = delta.openRebuilder(agreement.compression, agreement.checksum)
    const { incoming, patience } = wire
    this.#receiver = new Receiver(delta, this.#rebuilder, {
      incoming,
      requester: this.#requester,
      agreement,
      patience,
    })
  }

  /** Connects, shakes hands and reads the file list. */
  static async open(modules: SessionModules, options: SessionOptions): Promise<Session> {
    checkAddress(options.address)
    const { selection } = options
    const names =
      selection.kind === 'files-from' ? new FileNames(selection.names, selection.under) : undefined
    let attempt: Attempt | undefined = attempts(options)
    for (;;) {
      const opened: Session | Attempt = await Session.#try(modules, options, attempt, names)
      if (opened instanceof Session) return opened
      attempt = opened
    }
  }

  static async #try(
    modules: SessionModules,
    options: SessionOptions,
    attempt: Attempt,
    names: FileNames | undefined,
  ): Promise<Session | Attempt> {
    const messages = new Messages(options)
    const incoming = new Incoming((code, bytes) => messages.take(code, bytes))
    const peer = options.peer ?? nameOfAddress(options.address)
    const { host, port } = options.address
    const wire = await Wire.connect(
      modules,
      { ...options, peer, host, port, slowCure: SLOW_CURE },
      incoming,
    )
    messages.wire = wire
    let list: FileList | undefined
    try {
      const agreement = await open(wire, { modules, options, attempt, names })
      if (!('seed' in agreement)) {
        wire.close()
        return agreement
      }
      const { selection } = options
      list = openList(modules, selection, agreement)
      await readList({ modules, wire, list, names, selection })
      const session = new Session(modules, peer, agreement, wire, list, names?.prefix ?? '')
      messages.session = session
      return session
    } catch (error) {
      if (list) modules.delta.closeFileList(list)
      throw await wire.explainEnd(error)
    }
  }

  /**
   * The regular file of a name; undefined if the server lists none. (Asking a server for anything else
   * would end the session.)
   */
  find(name: Path): { index: number; size: number } | undefined {
    const listed = this.modules.delta.findListed(this.#list, this.prefix + name)
    return listed && (listed.mode & TYPE_MASK) === TYPE_REGULAR ? listed : undefined
  }

  /** Bytes on the wire; and bytes of files that came, or were found in their basis. */
  get traffic(): { received: number; sent: number; literal: number; matched: number } {
    const { received, sent } = this.#wire
    const { literal, matched } = this.#receiver
    return { received, sent, literal, matched }
  }

  /**
   * Fetches files; resolves when each came, will not come, or waits for its second try in `finish`. May be
   * called several times. `wanted` is drawn from as the window allows.
   */
  async fetch(wanted: Iterable<WantedFile>): Promise<void> {
    assert(!this.#finished, 'fetch after finish')
    await this.#exchange(wanted)
  }

  /** Asks again for what came broken, and says goodbye. */
  async finish(): Promise<void> {
    assert(!this.#finished, 'finish twice')
    this.#finished = true
    // A daemon with nothing to list leaves at once.
    if (this.entries === 0) return this.close()
    const receiver = this.#receiver
    this.#sayDone(1)
    if (receiver.redo.length > 0) {
      this.#requester.full = true
      await this.#exchange(receiver.again())
    }
    await this.#goodbye()
    this.close()
  }

  /** Ends the session at once; twice is fine. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#wire.close()
    try {
      this.modules.delta.abandonFile(this.#rebuilder)
    } catch {
      // A partial file that can't be written is only a worse basis; the reason is known already.
    }
    this.modules.delta.closeRebuilder(this.#rebuilder)
    this.modules.delta.closeFileList(this.#list)
    this.#requester.abandon()
    for (const { file } of this.#receiver.redo.splice(0)) file.abandoned?.()
  }

  /** A message that concerns one file: it will not come. */
  notSent(index: number): void {
    this.#receiver.notSent(index)
  }

  /** Requests and answers side by side, until all are answered. */
  async #exchange(wanted: Iterable<WantedFile>): Promise<void> {
    const requester = this.#requester
    const wire = this.#wire
    try {
      requester.begin(wanted)
      wire.patience.measures = true
      for (;;) {
        const pausing = requester.produce()
        wire.flush()
        this.#receiver.consume()
        if (requester.done) break
        if (pausing) await wire.turn()
        else if (!requester.ready) {
          wire.phase = this.#phase()
          await wire.wait()
        }
      }
      wire.patience.measures = false
    } catch (error) {
      wire.phase = this.#phase()
      const explained = wire.explainEnd(error)
      this.close()
      throw await explained
    }
  }

  #phase(): string {
    const { arriving } = this.#receiver
    const entry =
      arriving < 0 || this.#closed ? undefined : this.modules.delta.listedAt(this.#list, arriving)
    return entry ? `receiving "${show(entry.name)}"` : 'waiting for files'
  }

  #sayDone(count: number): void {
    for (let i = 0; i < count; i++) this.#requester.indexDone()
    this.#receiver.donesDue += count
    this.#wire.flush()
  }

  /**
   * All remaining DONEs in one packet: nothing is delayed or deleted here, so none of them has to wait
   * for its answer. Whatever the server does wrong after this does no harm.
   */
  async #goodbye(): Promise<void> {
    const receiver = this.#receiver
    const wire = this.#wire
    const modern = this.agreement.protocol >= 31
    this.#sayDone(modern ? 3 : 2)
    this.#requester.indexDone()
    wire.phase = 'saying goodbye'
    wire.patience.deadlineMs = this.modules.clock.monotonicMs() + GOODBYE_MS
    try {
      for (;;) {
        receiver.consume()
        if (modern ? receiver.dones === receiver.donesDue : receiver.statisticsCame) return
        await wire.wait()
      }
    } catch (error) {
      if (!(error instanceof PeerError || error instanceof DeadlineError)) throw error
    }
  }
}

/** The frames that are no data: the server's words, and what it says about its own state. */
class Messages {
  wire: Wire | undefined
  session: Session | undefined

  constructor(readonly options: SessionOptions) {}

  take(code: number, bytes: Uint8Array): void {
    const { wire, options } = this
    switch (code) {
      case Code.error:
      case Code.errorTransfer: {
        const text = bytesOfArray(bytes)
        if (wire) wire.lastWords = show(text.trim())
        options.onServerText?.('error', text)
        return
      }
      case Code.warning:
        options.onServerText?.('warning', bytesOfArray(bytes))
        return
      case Code.info:
        options.onServerText?.('notice', bytesOfArray(bytes))
        return
      case Code.errorExit:
        wire?.fail(wire.broken('the daemon gave up', wire.starting ? 'refused' : 'broken'))
        return
      case Code.ioTimeout:
        if (bytes.length === 4 && wire) shorten(wire, readInt(bytes))
        return
      case Code.noSend:
        if (bytes.length !== 4 || !this.session) {
          throw new PeerError('a file that will not come, before one was asked for', 'broken')
        }
        this.session.notSent(readInt(bytes))
    }
  }
}

function readInt(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true)
}

/** The daemon's own time-out: we have to be heard from within it. */
function shorten(wire: Wire, seconds: number): void {
  if (seconds < 1 || seconds > 86400) return
  const halfMs = seconds * 500
  if (wire.keepAliveMs === 0 || halfMs < wire.keepAliveMs) wire.keepAliveMs = halfMs
}

/** A name that would break the lines of the handshake can't be that of a module or a user. */
function checkAddress({ module, user }: Address): void {
  if (!/^[^\n\r\0#/][^\n\r\0/]*$/.test(module)) {
    throw new ConfigError(`"${show(module)}" can't be the name of an rsync module`)
  }
  if (user !== undefined && !/^[^\n\r\0# ][^\n\r\0 ]*$/.test(user)) {
    throw new ConfigError(`"${show(user)}" can't be the name of an rsync user`)
  }
}
