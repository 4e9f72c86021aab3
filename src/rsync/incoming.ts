/**
 * The bytes that came from the peer, and the frames they came in. Data frames are joined in place:
 * their payloads are moved together in the receive buffer, so that the file list and the token
 * streams are handed on as plain views. It must never hold more than its buffer, nor wait.
 */
import { PeerError } from '../errors.ts'

/** Codes of frames (rsync.h enum msgcode), as far as a sender may use them towards us. */
export const Code = {
  data: 0,
  errorTransfer: 1,
  info: 2,
  error: 3,
  warning: 4,
  ioError: 22,
  ioTimeout: 33,
  noop: 42,
  errorExit: 86,
  noSend: 102,
} as const

/** High byte of a frame's header: this plus the code (rsync.h MPLEX_BASE). */
const CODE_BASE = 7
/** Stock refuses texts above 5119 bytes; a little more costs nothing (bytes). */
const TEXT_LENGTH_MAX = 8192
/** Large reads keep the turns of the event loop few; 13 of them would fill TCP's largest default window (bytes). */
const CAPACITY = 256 * 1024

/** Takes the content of a frame that is not data. The bytes are valid only during the call. */
type OnMessage = (code: number, bytes: Uint8Array) => void

export class Incoming {
  readonly buffer = new Uint8Array(CAPACITY)
  /** What may be taken: the user moves `start` up to `end`. */
  start = 0
  end = 0
  /** Bytes read from the socket whose frames were not looked at yet: those after `end`. */
  #raw = 0
  #rawEnd = 0
  #framed = false
  #dataLeft = 0
  readonly #message = new Uint8Array(TEXT_LENGTH_MAX)
  #messageCode = 0
  #messageLength = 0
  #messageLeft = 0

  constructor(readonly onMessage: OnMessage) {}

  /** From here on the stream is framed, including what has already come. */
  beginFrames(): void {
    this.#framed = true
    this.#raw = this.start
    this.#rawEnd = this.end
    this.end = this.start
    this.#settle()
  }

  /** Where the next read may put bytes: from `offset` to the end of the buffer. */
  room(): number {
    const { buffer } = this
    if (this.start === this.end || this.#rawEnd > CAPACITY / 2) {
      const ready = this.end - this.start
      const raw = this.#rawEnd - this.#raw
      if (this.start > 0) buffer.copyWithin(0, this.start, this.end)
      if (raw > 0) buffer.copyWithin(ready, this.#raw, this.#rawEnd)
      this.start = 0
      this.end = ready
      this.#raw = ready
      this.#rawEnd = ready + raw
    }
    return this.#rawEnd
  }

  /** `count` bytes were read to the place that `room` gave. */
  added(count: number): void {
    this.#rawEnd += count
    if (this.#framed) {
      this.#settle()
    } else {
      this.end = this.#rawEnd
      this.#raw = this.#rawEnd
    }
  }

  /** Sorts raw bytes into data, which joins what is ready, and messages. */
  #settle(): void {
    const { buffer } = this
    const rawEnd = this.#rawEnd
    let raw = this.#raw
    while (raw < rawEnd) {
      if (this.#dataLeft > 0) {
        const count = Math.min(this.#dataLeft, rawEnd - raw)
        if (raw !== this.end) buffer.copyWithin(this.end, raw, raw + count)
        this.end += count
        raw += count
        this.#dataLeft -= count
      } else if (this.#messageLeft > 0) {
        const count = Math.min(this.#messageLeft, rawEnd - raw)
        this.#message.set(buffer.subarray(raw, raw + count), this.#messageLength)
        this.#messageLength += count
        this.#messageLeft -= count
        raw += count
        if (this.#messageLeft === 0) this.#deliver()
      } else {
        if (rawEnd - raw < 4) break
        this.#header(raw)
        raw += 4
      }
    }
    this.#raw = raw
  }

  #header(at: number): void {
    const { buffer } = this
    const length =
      (buffer[at] as number) |
      ((buffer[at + 1] as number) << 8) |
      ((buffer[at + 2] as number) << 16)
    const code = (buffer[at + 3] as number) - CODE_BASE
    if (code === Code.data) {
      this.#dataLeft = length
      return
    }
    const lengthMax = messageLengthMax(code)
    if (length > lengthMax) {
      throw new PeerError(`a message ${code} of ${length} bytes, ${lengthMax} allowed`, 'broken')
    }
    this.#messageCode = code
    this.#messageLength = 0
    this.#messageLeft = length
    if (length === 0) this.#deliver()
  }

  #deliver(): void {
    this.onMessage(this.#messageCode, this.#message.subarray(0, this.#messageLength))
  }
}

function messageLengthMax(code: number): number {
  switch (code) {
    case Code.errorTransfer:
    case Code.info:
    case Code.error:
    case Code.warning:
      return TEXT_LENGTH_MAX
    case Code.ioError:
    case Code.ioTimeout:
    case Code.errorExit:
    case Code.noSend:
      return 4
    case Code.noop:
      return 0
    default:
      throw new PeerError(`a message of an unknown kind, ${code}`, 'broken')
  }
}
