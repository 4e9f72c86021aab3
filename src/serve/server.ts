/**
 * The server: takes clients from its listeners, a few at once, and gives each of them a session. It serves
 * only while nothing speaks against it, looks at that again once a second, and then drops whoever is there. What
 * becomes of one client is told in one record, and harms no other.
 */
import { isSystemError } from '../errors.ts'
import type { Host, Path } from '../host.ts'
import { Pace } from '../rsync/pace.ts'
import { turnAway } from './turn-away.ts'

type Socket = import('native:sockets').Socket
type Listener = import('native:sockets').Listener
type Accepted = Awaited<ReturnType<Host['sockets']['accept']>>

/** What a client took, as its session says in the end. */
interface Taken {
  /** Undefined: it was let into none. */
  module: Path | undefined
  files: number
  received: number
  sent: number
  /** Undefined: it went in peace. */
  fault: Error | undefined
}

/** What is told of a client once it has gone. */
export interface GoneClient extends Omit<Taken, 'fault'> {
  peer: string
  seconds: number
  fault: string | undefined
}

export interface ServerOptions {
  listeners: readonly Listener[]
  clientsMax: number
  /** Of all clients together; 0: no cap. */
  bytesPerSecond: number
  /** Speaks the protocol with one client until it has gone, and closes its socket. */
  session(socket: Socket, client: { peer: string; pace: Pace }): Promise<Taken>
  /** Why nobody is served now; undefined: everybody is. */
  objection(): string | undefined
  /** Asked every few seconds: somebody has to begin again if what is offered is no longer what is there. */
  next(): 'serve' | 'begin again when idle' | 'begin again' | 'end'
  told(client: GoneClient): void
  /** How many clients there are, each time that changes. */
  count(clients: number): void
}

/** How often it looks whether it may still serve (milliseconds). */
const LOOK_MS = 1000
/** How often, while nobody is there, it looks whether what it offers is what there is (milliseconds). */
const IDLE_LOOK_MS = 5000
/** How long it goes on for those who are there when it should begin again (milliseconds). */
const LEAVING_MAX_MS = 600_000
/** More who have to be told to go are just left (and come again); each costs a descriptor and a buffer. */
const TURNED_AWAY_MAX = 16
/** The wait when no descriptor is free: some clients will have gone by then (milliseconds). */
const CROWDED_MS = 50

interface Client {
  socket: Socket
  /** Why it was dropped. */
  dropped?: string
}

export class Server {
  readonly #clients = new Set<Client>()
  readonly #pace: Pace
  #turnedAway = 0
  #ended: 'ended' | 'begin again' | undefined
  /** Since when it takes nobody, to begin again once all have gone; undefined: it doesn't have to. */
  #leavingSinceMs: number | undefined
  #wake: () => void = () => {}

  constructor(
    readonly host: Host,
    readonly options: ServerOptions,
  ) {
    this.#pace = new Pace(() => options.bytesPerSecond)
  }

  /** Returns once it was told to end, or has to begin again; then nobody is served any more. */
  async run(): Promise<'ended' | 'begin again'> {
    const { sockets } = this.host
    const { listeners } = this.options
    const accepting = listeners.map((listener) => this.#accept(listener))
    const failed = Promise.all(accepting).then(
      () => undefined,
      (error: unknown) => ({ error }),
    )
    let failure: { error: unknown } | undefined
    try {
      while (this.#ended === undefined && !failure) {
        failure = await Promise.race([failed, this.#pause()])
        this.#look()
      }
    } finally {
      for (const listener of listeners) sockets.closeListener(listener)
      this.#drop('the server ends')
    }
    if (failure) throw failure.error
    return this.#ended ?? 'ended'
  }

  /** Ends `run` at once. */
  end(): void {
    this.#ended = 'ended'
    this.#wake()
  }

  async #pause(): Promise<undefined> {
    const waitMs = this.#clients.size > 0 ? LOOK_MS : IDLE_LOOK_MS
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    await Promise.race([woken, this.host.clock.sleep(waitMs)])
    return undefined
  }

  #look(): void {
    if (this.#ended !== undefined) return
    const next = this.options.next()
    if (next === 'end') this.#ended = 'ended'
    else if (next === 'begin again' || this.#isToLeave(next === 'begin again when idle')) {
      this.#ended = 'begin again'
      this.#drop('what is offered has changed')
    } else if (this.#clients.size > 0) {
      const reason = this.options.objection()
      if (reason !== undefined) this.#drop(reason)
    }
  }

  #isToLeave(soon: boolean): boolean {
    const nowMs = this.host.clock.monotonicMs()
    this.#leavingSinceMs = soon ? (this.#leavingSinceMs ?? nowMs) : undefined
    if (this.#leavingSinceMs === undefined) return false
    return this.#clients.size === 0 || nowMs - this.#leavingSinceMs > LEAVING_MAX_MS
  }

  #drop(reason: string): void {
    for (const client of this.#clients) {
      client.dropped ??= reason
      this.host.sockets.close(client.socket)
    }
  }

  async #accept(listener: Listener): Promise<void> {
    const { sockets, clock } = this.host
    for (;;) {
      let accepted: Accepted
      try {
        accepted = await sockets.accept(listener)
      } catch (error) {
        if (isSystemError(error, 'ECANCELED')) return
        if (!isSystemError(error, 'EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM')) throw error
        await clock.sleep(CROWDED_MS)
        continue
      }
      void this.#welcome(accepted)
    }
  }

  async #welcome({ socket, peer }: Accepted): Promise<void> {
    const { clientsMax, objection } = this.options
    const reason = this.#leavingSinceMs === undefined ? objection() : 'it is about to begin again'
    if (reason !== undefined) await this.#turnAway(socket, 0, `: ${reason}`)
    else if (this.#clients.size >= clientsMax) await this.#turnAway(socket, clientsMax, '')
    else await this.#serve(socket, peer?.address ?? 'a local socket')
  }

  /** In the words of a stock daemon, which clients know. */
  async #turnAway(socket: Socket, places: number, why: string): Promise<void> {
    const { sockets } = this.host
    this.#turnedAway++
    try {
      if (this.#turnedAway > TURNED_AWAY_MAX) return
      await turnAway(
        this.host,
        socket,
        `max connections (${places}) reached -- try again later${why}`,
      )
    } catch (error) {
      // It has gone by itself.
      if (!isSystemError(error)) throw error
    } finally {
      this.#turnedAway--
      sockets.close(socket)
    }
  }

  async #serve(socket: Socket, peer: string): Promise<void> {
    const { host, options } = this
    const client: Client = { socket }
    const startMs = host.clock.monotonicMs()
    this.#clients.add(client)
    options.count(this.#clients.size)
    // From now on it looks more often.
    this.#wake()
    let taken: Taken = { module: undefined, files: 0, received: 0, sent: 0, fault: undefined }
    try {
      taken = await options.session(socket, { peer, pace: this.#pace })
    } catch (error) {
      // A bug of ours costs this client, and is told; the others are served.
      taken.fault = new Error(`an internal error: ${error}`)
    } finally {
      host.sockets.close(socket)
      this.#clients.delete(client)
    }
    const seconds = (host.clock.monotonicMs() - startMs) / 1000
    const fault = client.dropped ?? taken.fault?.message
    options.told({ peer, ...taken, seconds, fault })
    options.count(this.#clients.size)
    if (this.#leavingSinceMs !== undefined) this.#wake()
  }
}
