/**
 * A TCP connection to a named host, over whichever of its addresses answers first (RFC 8305): the
 * families take turns, and each next address is tried a moment after the last one, or at once
 * if that one failed. Every connection by name is made here.
 */
import { DeadlineError, isSystemError, PeerError } from './errors.ts'
import type { Host } from './host.ts'

type Socket = import('native:sockets').Socket
type ResolvedAddress = import('native:sockets').Address

/** RFC 8305, section 5: what it recommends between two attempts. */
const ATTEMPT_DELAY_MS = 250
/** A name with more addresses than this is a mistake or an attack; each costs a socket. */
const ADDRESSES_MAX = 16

interface Destination {
  /** Names the peer in messages. */
  peer: string
  host: string
  port: number
  /** For all addresses together. How long resolving the name may take is up to the system. */
  timeoutMs: number
}

/** Throws a PeerError `away`, or a DeadlineError if nobody answered in time. */
export async function connect(
  modules: Pick<Host, 'sockets' | 'clock'>,
  destination: Destination,
): Promise<Socket> {
  const { peer, host, port, timeoutMs } = destination
  try {
    const addresses = inTurns(await modules.sockets.resolve(host, port))
    const endMs = modules.clock.monotonicMs() + timeoutMs
    if (addresses.length === 0) throw new PeerError(`${peer}: the name has no address`, 'away')
    return await new Race(modules, addresses, endMs).winner
  } catch (error) {
    if (!isSystemError(error)) throw error
    if (error.code === 'ETIMEDOUT') {
      throw new DeadlineError(`${peer}: no connection within ${timeoutMs} ms`, undefined, false)
    }
    const why = error.call === 'resolve' ? 'the name has no address' : 'no connection'
    throw new PeerError(`${peer}: ${why} (${error.code})`, 'away')
  }
}

/** The families take turns, beginning with the resolver's first choice; each keeps its order. */
function inTurns(addresses: readonly ResolvedAddress[]): ResolvedAddress[] {
  const first = addresses.filter(({ family }) => family === addresses[0]?.family)
  const other = addresses.filter(({ family }) => family !== addresses[0]?.family)
  const turns: ResolvedAddress[] = []
  for (let i = 0; i < Math.max(first.length, other.length); i++) {
    const [one, two] = [first[i], other[i]]
    if (one) turns.push(one)
    if (two) turns.push(two)
  }
  return turns.slice(0, ADDRESSES_MAX)
}

class Race {
  readonly winner: Promise<Socket>
  #next = 0
  #trying = 0
  #over = false
  #failure: unknown
  #resolve: (socket: Socket) => void = () => {}
  #reject: (error: unknown) => void = () => {}

  constructor(
    readonly modules: Pick<Host, 'sockets' | 'clock'>,
    readonly addresses: readonly ResolvedAddress[],
    readonly endMs: number,
  ) {
    this.winner = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#start()
  }

  #start(): void {
    const { sockets, clock } = this.modules
    const address = this.addresses[this.#next]
    const leftMs = this.endMs - clock.monotonicMs()
    if (this.#over || !address || (leftMs <= 0 && this.#next > 0)) {
      this.#settle()
      return
    }
    const turn = ++this.#next
    this.#trying++
    sockets.connect(address, Math.max(1, Math.ceil(leftMs))).then(
      (socket) => this.#connected(socket),
      (error) => this.#failed(error),
    )
    if (turn === this.addresses.length) return
    clock.sleep(ATTEMPT_DELAY_MS).then(() => {
      // If it has failed in the meantime, its successor is already under way.
      if (turn === this.#next) this.#start()
    })
  }

  #connected(socket: Socket): void {
    this.#trying--
    if (this.#over) {
      this.modules.sockets.close(socket)
      return
    }
    this.#over = true
    this.#resolve(socket)
  }

  #failed(error: unknown): void {
    this.#trying--
    // A refusal says more than silence.
    if (this.#failure === undefined || isSystemError(this.#failure, 'ETIMEDOUT')) {
      this.#failure = error
    }
    if (!this.#over) this.#start()
  }

  #settle(): void {
    if (this.#over || this.#trying > 0) return
    this.#over = true
    this.#reject(this.#failure)
  }
}
