/**
 * TCP over the mesh, as far as it costs air: segments, delayed acknowledgements, both directions on one
 * air, slow start up to a fixed window, and repetition after a time-out (RFC 6298) where the radio gave
 * a frame up. An acknowledgement waits for a second segment or 40 ms and rides on data where there is
 * some (RFC 1122). Left out: fast retransmit and congestion avoidance (queues have no end here, so
 * nothing is ever lost to them), and window scaling.
 *
 * `weight` is how many bytes of air one byte of the stream stands for, so that small trees may cost what
 * large ones do.
 */

import { type Code, systemError } from '../disk/system-error.ts'
import type { Stream } from '../virtual-socket.ts'
import { ofTcp, SEGMENT_BYTES } from './air-time.ts'
import type { Mesh, Station } from './mesh.ts'

/** 32 KiB, in segments: what a laptop with little memory offers. */
const WINDOW_SEGMENTS = 22
/** A program is woken for so many, or for the last that the sender has just now. */
const READ_SEGMENTS = WINDOW_SEGMENTS / 2
/** RFC 6928. */
const FIRST_WINDOW_SEGMENTS = 10
/** What the sender's kernel takes beyond what is under way, in segments. */
const SEND_BUFFER_SEGMENTS = 44
const DELAYED_ACK_US = 40_000
/** RFC 6298: at least a second. */
const REPEAT_MIN_US = 1_000_000
const REPEAT_MAX_US = 60_000_000
/** After so many in a row the peer is gone (a minute, about). */
const REPEATS_MAX = 6

interface Segment {
  number: number
  bytes: Uint8Array
  last: boolean
  /** TCP's PSH: the sender has no more just now, so the receiver's program is given all that came. */
  push: boolean
  sentUs: number
  repeated: boolean
}

interface Path {
  mesh: Mesh
  weight: number
  /** Called when a program gets something to do. */
  told(): void
}

interface Notes {
  /** Bytes of the stream that a program gave it to send. */
  sent(bytes: number): void
  finished(): void
}

/** One end of a connection. */
export class TcpEnd implements Stream {
  /** Set when the connection is made, by whoever makes both ends. */
  peer!: TcpEnd
  readonly #segmentBytes: number
  // Sending.
  readonly #unsent: Uint8Array[] = []
  #unsentBytes = 0
  readonly #underWay: Segment[] = []
  #nextNumber = 0
  #window = FIRST_WINDOW_SEGMENTS
  #peerRoom = WINDOW_SEGMENTS
  #lastWanted = false
  #lastSent = false
  #repeatAtUs = Infinity
  #repeatTimer = false
  #repeats = 0
  #roundTripUs = 0
  #variationUs = 0
  // Receiving.
  readonly #ready: Uint8Array[] = []
  /** Whether a program is given what is ready. */
  #readable = false
  readonly #early = new Map<number, Segment>()
  #expected = 0
  #unacknowledged = 0
  #ackTimer = false
  #ended = false
  // Both.
  #closed = false
  #done = false
  #failure: Code | undefined
  #wakeReader: () => void = () => {}
  #wakeWriters: (() => void)[] = []

  constructor(
    readonly station: Station,
    readonly path: Path,
    private readonly notes: Notes,
  ) {
    this.#segmentBytes = Math.max(1, Math.floor(SEGMENT_BYTES / path.weight))
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      if (this.#ready.length > 0 && (this.#readable || this.#failure)) return this.#taken()
      if (this.#failure) throw systemError('read', undefined, this.#failure)
      if (this.#ended || this.#closed) return undefined
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve
      })
    }
  }

  #taken(): Uint8Array {
    const wasFull = this.#room() === 0
    const bytes = Buffer.concat(this.#ready)
    this.#ready.length = 0
    this.#readable = false
    if (wasFull) this.#acknowledge()
    return bytes
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#failure || this.#lastWanted) throw systemError('write', undefined, 'EPIPE')
    this.notes.sent(bytes.length)
    this.#unsent.push(bytes.slice())
    this.#unsentBytes += bytes.length
    this.#push()
    const bufferMax = SEND_BUFFER_SEGMENTS * this.#segmentBytes
    while (this.#unsentBytes > bufferMax && !this.#failure) {
      await new Promise<void>((resolve) => this.#wakeWriters.push(resolve))
    }
    if (this.#failure) throw systemError('write', undefined, 'EPIPE')
  }

  shutdown(): void {
    this.#lastWanted = true
    this.#push()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#ready.length = 0
    this.shutdown()
    this.#tellReader()
    this.#look()
  }

  /** Its machine lost its power: nobody is told. */
  vanish(): void {
    this.#fail('ECONNRESET')
  }

  /** The peer no longer knows of this connection, or is gone. */
  #fail(code: Code): void {
    if (this.#failure) return
    this.#failure = code
    this.#unsent.length = 0
    this.#underWay.length = 0
    this.#repeatAtUs = Infinity
    this.#tellReader()
    this.#tellWriters()
    this.notes.finished()
  }

  #tellReader(): void {
    this.path.told()
    this.#wakeReader()
  }

  #tellWriters(): void {
    const waiting = this.#wakeWriters
    if (waiting.length > 0) this.path.told()
    this.#wakeWriters = []
    for (const wake of waiting) wake()
  }

  get #nowUs(): number {
    return this.path.mesh.medium.nowUs
  }

  #sendPacket(payload: number, arrived: () => void): void {
    const bytes = ofTcp(Math.round(payload * this.path.weight))
    this.path.mesh.send(this.station, this.peer.station, bytes, arrived)
  }

  /** Sends what the window allows. */
  #push(): void {
    // One goes out even without room there: that is how a sender hears that there is room again.
    const window = Math.max(1, Math.min(this.#window, this.#peerRoom))
    while (!this.#failure && this.#underWay.length < window) {
      const bytes = this.#nextBytes()
      const last = this.#lastWanted && this.#unsentBytes === 0 && !this.#lastSent
      if (bytes.length === 0 && !last) break
      if (last) this.#lastSent = true
      const number = this.#nextNumber++
      const push = this.#unsentBytes === 0
      const segment = { number, bytes, last, push, sentUs: this.#nowUs, repeated: false }
      this.#underWay.push(segment)
      this.#sendSegment(segment)
    }
    if (this.#unsentBytes <= SEND_BUFFER_SEGMENTS * this.#segmentBytes) this.#tellWriters()
  }

  #nextBytes(): Uint8Array {
    const bytes = new Uint8Array(Math.min(this.#segmentBytes, this.#unsentBytes))
    for (let filled = 0; filled < bytes.length; ) {
      const [first] = this.#unsent
      if (!first) break
      const part = first.subarray(0, bytes.length - filled)
      bytes.set(part, filled)
      filled += part.length
      if (part.length === first.length) this.#unsent.shift()
      else this.#unsent[0] = first.subarray(part.length)
    }
    this.#unsentBytes -= bytes.length
    return bytes
  }

  #sendSegment(segment: Segment): void {
    const { expected, room } = this.#state()
    this.#unacknowledged = 0
    this.#sendPacket(segment.bytes.length, () => this.peer.#arrive(segment, expected, room))
    this.#expectAnswer()
  }

  #state(): { expected: number; room: number } {
    const expected = this.#expected
    return { expected, room: this.#room() }
  }

  #room(): number {
    return Math.max(0, WINDOW_SEGMENTS - this.#ready.length)
  }

  #arrive(segment: Segment, acknowledged: number, room: number): void {
    if (this.#failure || this.#isUnheard(segment)) {
      this.#sendPacket(0, () => this.peer.#fail('ECONNRESET'))
      this.#fail('ECONNRESET')
      return
    }
    this.#acknowledged(acknowledged, room)
    const inOrder = segment.number === this.#expected && this.#room() > 0
    if (segment.number >= this.#expected && this.#room() > 0)
      this.#early.set(segment.number, segment)
    for (;;) {
      const next = this.#early.get(this.#expected)
      if (!next) break
      this.#early.delete(this.#expected++)
      this.#unacknowledged++
      if (next.last) this.#ended = true
      if (next.bytes.length > 0 && !this.#closed) this.#ready.push(next.bytes)
      if (next.push || this.#ready.length >= READ_SEGMENTS) this.#readable = true
    }
    if (inOrder && (this.#readable || this.#ended)) this.#tellReader()
    if (!inOrder || this.#unacknowledged >= 2 || this.#ended) this.#acknowledge()
    else this.#acknowledgeLater()
    this.#look()
  }

  /** Data for a program that closed its end. */
  #isUnheard({ bytes }: Segment): boolean {
    return this.#closed && bytes.length > 0
  }

  #acknowledge(): void {
    if (this.#failure) return
    this.#unacknowledged = 0
    const { expected, room } = this.#state()
    this.#sendPacket(0, () => this.peer.#acknowledged(expected, room))
  }

  #acknowledgeLater(): void {
    if (this.#ackTimer) return
    this.#ackTimer = true
    this.path.mesh.medium.at(this.#nowUs + DELAYED_ACK_US, () => {
      this.#ackTimer = false
      if (this.#unacknowledged > 0) this.#acknowledge()
    })
  }

  #acknowledged(expected: number, room: number): void {
    this.#peerRoom = room
    this.#repeats = 0
    const [first] = this.#underWay
    if (first && first.number < expected) {
      let count = 0
      for (; (this.#underWay[0]?.number ?? expected) < expected; count++) this.#underWay.shift()
      if (!first.repeated) this.#measure(this.#nowUs - first.sentUs)
      this.#window = Math.min(this.#window + count, WINDOW_SEGMENTS)
      this.#repeatAtUs = Infinity
      if (this.#underWay.length > 0) this.#expectAnswer()
    }
    this.#push()
    this.#look()
  }

  /** RFC 6298, section 2. */
  #measure(us: number): void {
    if (this.#roundTripUs === 0) {
      this.#roundTripUs = us
      this.#variationUs = us / 2
      return
    }
    const off = Math.abs(this.#roundTripUs - us)
    this.#variationUs = 0.75 * this.#variationUs + 0.25 * off
    this.#roundTripUs = 0.875 * this.#roundTripUs + 0.125 * us
  }

  #expectAnswer(): void {
    if (this.#repeatAtUs < Infinity) return
    const afterUs = Math.max(REPEAT_MIN_US, this.#roundTripUs + 4 * this.#variationUs)
    this.#repeatAtUs = this.#nowUs + Math.min(REPEAT_MAX_US, afterUs * 2 ** this.#repeats)
    this.#watch()
  }

  #watch(): void {
    if (this.#repeatTimer) return
    this.#repeatTimer = true
    this.path.mesh.medium.at(this.#repeatAtUs, () => {
      this.#repeatTimer = false
      if (this.#repeatAtUs === Infinity) return
      if (this.#repeatAtUs > this.#nowUs) this.#watch()
      else this.#repeat()
    })
  }

  #repeat(): void {
    this.#repeatAtUs = Infinity
    const [first] = this.#underWay
    if (!first) return
    if (++this.#repeats > REPEATS_MAX) {
      this.#fail('ETIMEDOUT')
      return
    }
    first.repeated = true
    this.#window = FIRST_WINDOW_SEGMENTS
    this.#sendSegment(first)
  }

  /** Whether both sides have said all. */
  #look(): void {
    if (this.#done || this.#failure || !this.#closed) return
    if (!this.#ended || !this.#lastSent || this.#underWay.length > 0) return
    this.#done = true
    this.notes.finished()
  }
}
