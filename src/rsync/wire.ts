/**
 * One connection to a daemon: a read and a write that are both always under way, so that the two
 * pipes can't deadlock; deadlines; and the only place of this folder that awaits a socket. It must
 * never have two writers, and never stop reading because a write blocks.
 */
import { connect } from '../connect.ts'
import { DeadlineError, isExpected, isSystemError, PeerError } from '../errors.ts'
import type { Host } from '../host.ts'
import type { Incoming } from './incoming.ts'
import type { Link } from './link.ts'
import { Outgoing } from './outgoing.ts'
import type { Pace } from './pace.ts'
import { WirePatience } from './patience.ts'

type Socket = import('native:sockets').Socket
type WireModules = Pick<Host, 'sockets' | 'clock'>

export interface WireOptions {
  /** Names the peer in messages. */
  peer: string
  /** The longest time without useful work. */
  timeoutMs: number
  rateMin?: { bytesPerSecond: number; windowMs: number } | undefined
  onBytes?: ((received: number, sent: number) => void) | undefined
  /** Caps what is received. */
  pace?: Pace | undefined
  /** Cap what is sent, all of them. */
  sendingPaces?: Pace[] | undefined
  /** Asked once a second while hardly anything useful comes; an error that it gives ends the session. */
  interrupted?: (() => Error | undefined) | undefined
  /** What helps where the peer is too slow. */
  slowCure?: string | undefined
}

interface ConnectOptions extends WireOptions {
  host: string
  port: number
  connectTimeoutMs: number
  /** Another way to the daemon than a TCP connection to host and port. */
  link?: (() => Link) | undefined
}

/** A blocked write is not a fault: a stock sender reads only between files. We judge silence. */
const WRITE_TIMEOUT_MS = 24 * 60 * 60 * 1000
/** The longest single pause for the cap: a keep-alive may come due in the meantime. */
const PAUSE_MAX_MS = 500
/** How often `interrupted` is asked (ms). */
const LOOK_AROUND_MS = 1000
/** Each piece written is a sign of life, even on a line of 1 KB/s (bytes). */
const WRITE_PIECE = 16 * 1024

export class Wire {
  readonly outgoing = new Outgoing()
  received = 0
  sent = 0
  /** What is going on, for messages: "while ...". */
  phase = 'connecting'
  /** The last error that the daemon reported, shown if it then hangs up. */
  lastWords: string | undefined
  /** Milliseconds without a write after which a keep-alive is sent. 0: never. */
  keepAliveMs = 0
  readonly patience: WirePatience
  /** Until the file list has come: a daemon that hangs up with words refuses us. */
  starting = true

  #socket: Socket
  #closed = false
  #reading = false
  #napping = false
  #writing = false
  #news = false
  #wake: (() => void) | undefined
  #failure: Error | undefined
  #lastSentMs: number
  /** All that waits to be written is a keep-alive. */
  #idle = false

  private constructor(
    readonly modules: WireModules,
    readonly options: WireOptions,
    readonly incoming: Incoming,
    socket: Socket,
    readonly link: Link | undefined,
  ) {
    this.#socket = socket
    this.patience = new WirePatience(options)
    this.#lastSentMs = modules.clock.monotonicMs()
  }

  static async connect(
    modules: WireModules,
    options: ConnectOptions,
    incoming: Incoming,
  ): Promise<Wire> {
    const { peer, host, port, connectTimeoutMs: timeoutMs } = options
    const link = options.link?.()
    const connecting = () => connect(modules, { peer, host, port, timeoutMs })
    const socket = link?.socket ?? (await unlessInterrupted(modules, options, connecting()))
    return new Wire(modules, options, incoming, socket, link)
  }

  /** A connection that somebody else made to us. */
  static over(
    modules: WireModules,
    options: WireOptions,
    incoming: Incoming,
    socket: Socket,
  ): Wire {
    return new Wire(modules, options, incoming, socket, undefined)
  }

  /** Starts to write what waits, unless a write is under way already: it goes on with it then. */
  flush(): void {
    if (this.#writing || this.#closed || this.outgoing.queued === 0) return
    this.#writing = true
    this.#write().then(this.#written, this.#writeFailed)
  }

  async #write(): Promise<void> {
    const { sockets } = this.modules
    while (this.outgoing.queued > 0) {
      const bytes = this.outgoing.take()
      const idle = this.#idle
      this.#idle = false
      for (let done = 0; done < bytes.length; ) {
        const count = Math.min(bytes.length - done, await this.#allowance())
        await sockets.write(this.#socket, bytes, done, count, WRITE_TIMEOUT_MS)
        done += count
        this.sent += count
        for (const pace of this.options.sendingPaces ?? []) pace.used(count)
        // The kernel takes a keep-alive whether or not anybody is there.
        if (!idle) this.patience.worked(count)
        this.#lastSentMs = this.modules.clock.monotonicMs()
      }
      this.#tell()
    }
  }

  /** How much may be written at once; waits until something may. */
  async #allowance(): Promise<number> {
    const { clock } = this.modules
    let count = WRITE_PIECE
    for (const pace of this.options.sendingPaces ?? []) {
      for (let pauseMs = 1; pauseMs > 0 && !this.#closed; ) {
        pauseMs = pace.pauseMs(clock.monotonicMs())
        if (pauseMs > 0) await clock.sleep(Math.min(pauseMs, PAUSE_MAX_MS))
      }
      count = Math.min(count, pace.allowance(clock.monotonicMs()))
    }
    return count
  }

  readonly #written = (): void => {
    this.#writing = false
    this.flush()
    this.#tell()
  }

  /** The daemon may have said why before it hung up: reading goes on, and finds that or the end. */
  readonly #writeFailed = (): void => {
    this.#tell()
  }

  /**
   * Waits until bytes came or a write ended. Throws what ended the connection, but only when
   * all that came before had its chance to be used: callers use what is there, then wait again.
   */
  async wait(): Promise<void> {
    this.flush()
    const mayPause = this.options.pace && !this.#reading
    if (mayPause && !this.#news && !this.#failure) await this.#pause()
    // What came during the pause has woken nobody.
    if (this.#news) {
      this.#news = false
      return
    }
    if (this.#failure) throw this.#failure
    const beganMs = this.modules.clock.monotonicMs()
    this.#read(beganMs)
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    this.#news = false
    this.#judge(beganMs)
  }

  /** Our own choice, which is not held against the peer. Writes go on in the meantime. */
  async #pause(): Promise<void> {
    const { clock } = this.modules
    const { pace } = this.options
    while (pace && !this.#reading && !this.#closed && !this.#news) {
      const nowMs = clock.monotonicMs()
      const pauseMs = pace.pauseMs(nowMs)
      if (pauseMs === 0) return
      this.#keepAlive(nowMs)
      await clock.sleep(Math.min(pauseMs, PAUSE_MAX_MS))
    }
  }

  /** Gives the event loop a turn in the middle of long work, so that input is drained in the meantime. */
  async turn(): Promise<void> {
    this.flush()
    const nowMs = this.modules.clock.monotonicMs()
    if (this.#failure && !this.#news) throw this.#failure
    this.#keepAlive(nowMs)
    if (!this.options.pace?.pauseMs(nowMs)) this.#read(nowMs)
    await this.modules.clock.sleep(0)
  }

  /** Whether the kernel has taken all that was to be sent. */
  get drained(): boolean {
    return !this.#writing && this.outgoing.queued === 0
  }

  /** Says that no more will be sent. */
  endSending(): void {
    if (!this.#closed) this.modules.sockets.shutdown(this.#socket)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.modules.sockets.close(this.#socket)
    this.link?.close()
  }

  /** Ends the session at the next `wait`, after what came before has been used. */
  fail(error: Error): void {
    this.#failure ??= error
    this.#tell()
  }

  /** A PeerError that names the peer, what was going on, and the daemon's words if it said any. */
  broken(what: string, kind: PeerError['kind'] = 'broken'): PeerError {
    const words = this.lastWords === undefined ? '' : `; it said: ${this.lastWords}`
    return new PeerError(`${this.options.peer}: ${what} while ${this.phase}${words}`, kind)
  }

  #read(nowMs: number): void {
    if (this.#reading || this.#closed || this.#failure) return
    const { incoming } = this
    const { pace } = this.options
    const offset = incoming.room()
    if (offset === incoming.buffer.length) {
      this.#nap(nowMs)
      return
    }
    this.#reading = true
    this.modules.sockets
      .read(
        this.#socket,
        incoming.buffer,
        offset,
        Math.min(
          incoming.buffer.length - offset,
          pace?.allowance(nowMs) ?? Number.POSITIVE_INFINITY,
        ),
        this.#patienceMs(nowMs),
      )
      .then(this.#got, this.#readFailed)
  }

  /** What came has to be used first; somebody has to look at the clock in the meantime. */
  #nap(nowMs: number): void {
    if (this.#napping) return
    this.#napping = true
    this.modules.clock.sleep(Math.min(this.#patienceMs(nowMs), LOOK_AROUND_MS)).then(() => {
      this.#napping = false
      this.#tell()
    })
  }

  /** How long the next read may wait before something has to be looked at. */
  #patienceMs(nowMs: number): number {
    let patienceMs = this.patience.leftMs(nowMs)
    if (this.keepAliveMs > 0) {
      // Behind a write that the peer does not take, none can be sent: looking all the time would not help.
      const dueMs = this.#writing
        ? this.keepAliveMs / 2
        : this.#lastSentMs + this.keepAliveMs - nowMs
      patienceMs = Math.min(patienceMs, dueMs)
    }
    if (this.options.interrupted) patienceMs = Math.min(patienceMs, LOOK_AROUND_MS)
    return Math.max(1, Math.ceil(patienceMs))
  }

  readonly #got = (count: number): void => {
    this.#reading = false
    if (count === 0) {
      this.#cut()
    } else {
      this.received += count
      this.patience.heard()
      this.options.pace?.used(count)
      try {
        this.incoming.added(count)
        this.options.onBytes?.(this.received, this.sent)
      } catch (error) {
        this.#failure ??= this.explain(error)
      }
    }
    this.#tell()
  }

  readonly #readFailed = (error: unknown): void => {
    this.#reading = false
    if (!isSystemError(error, 'ETIMEDOUT')) {
      this.#cut(isSystemError(error) ? error.code : String(error))
    }
    this.#tell()
  }

  /** A daemon that says why and hangs up refuses us, whether or not it read what we had sent. */
  #cut(code?: string): void {
    const refused = this.starting && this.lastWords !== undefined
    const how = code === undefined ? '' : ` (${code})`
    this.#failure ??= this.broken(`the connection was cut${how}`, refused ? 'refused' : 'cut')
  }

  /**
   * Decoders know what is wrong, but not whose bytes they read: this names the peer in their errors.
   * Other errors come back as they are.
   */
  explain(error: unknown): Error {
    if (!(error instanceof Error)) return new Error(String(error))
    if (error.name === 'TokenError') return this.broken(`protocol error: ${error.message}`)
    if (!(error instanceof PeerError) || error.message.startsWith(this.options.peer)) return error
    const { kind, cure, message } = error
    const named = this.broken(message, kind)
    return cure === undefined ? named : new PeerError(named.message, kind, cure)
  }

  /** As `explain`, with what the program said that carried the stream. Ends the connection. */
  async explainEnd(error: unknown): Promise<Error> {
    const explained = this.explain(error)
    this.close()
    return this.link && isExpected(explained) ? this.link.explain(explained) : explained
  }

  #tell(): void {
    this.#news = true
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  /** After a wait. Only time spent waiting counts. */
  #judge(beganMs: number): void {
    const nowMs = this.modules.clock.monotonicMs()
    const ended = this.patience.judge(nowMs - beganMs, nowMs)
    if (ended) {
      const slow = ended.slow ? 'slow: ' : ''
      this.#failure ??= new DeadlineError(
        `${this.options.peer}: ${slow}${ended.reason} while ${this.phase}`,
        this.options.slowCure,
      )
    }
    if (this.patience.isIdle) this.#failure ??= this.options.interrupted?.()
    this.#keepAlive(nowMs)
  }

  #keepAlive(nowMs: number): void {
    if (this.keepAliveMs === 0 || this.#writing || this.#closed) return
    if (nowMs - this.#lastSentMs < this.keepAliveMs) return
    this.#lastSentMs = nowMs
    this.#idle = this.outgoing.queued === 0
    this.outgoing.keepAlive()
    this.flush()
  }
}

/** A connection that is being made is nothing but waited for. */
async function unlessInterrupted(
  { clock, sockets }: WireModules,
  { interrupted }: WireOptions,
  connecting: Promise<Socket>,
): Promise<Socket> {
  while (interrupted) {
    const socket = await Promise.race([connecting, clock.sleep(LOOK_AROUND_MS)])
    if (socket) return socket
    const error = interrupted()
    if (!error) continue
    connecting.then(
      (late) => sockets.close(late),
      () => {},
    )
    throw error
  }
  return connecting
}
