/**
 * The answer to one HTTP/1.1 request, read byte by byte as it comes: strict, bounded, synchronous.
 * It follows no redirect and knows no compression. Whatever could be read in two ways is refused,
 * because a proxy in between may have read it the other way.
 */
import { PeerError, TrustError } from '../errors.ts'
import { HTTP_FRAMING_SIZE_MAX, HTTP_HEAD_SIZE_MAX, HTTP_LINE_SIZE_MAX } from '../limits.ts'
import { show, trimmed } from '../text.ts'

type Part =
  | 'status'
  | 'headers'
  | 'length'
  | 'to-the-end'
  | 'chunk-size'
  | 'chunk'
  | 'chunk-end'
  | 'trailers'
  | 'done'

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** What some take for the end of a line. */
const STRAY = /[\0\r]/
const NEWLINE = 0x0a

export class HttpAnswer {
  status = 0
  readonly headers = new Map<string, string>()
  #part: Part = 'status'
  /** Bytes of the line being read. */
  #line = ''
  /** Bytes of lines so far: of the head, then of what frames the chunks. */
  #lines = 0
  /** Bytes of body that are still to come, in this chunk or in all. */
  #left = 0
  #length = 0
  readonly #body: Uint8Array

  /** `peer` names the server in messages. */
  constructor(
    readonly peer: string,
    readonly bodyMax: number,
  ) {
    this.#body = new Uint8Array(bodyMax)
  }

  get done(): boolean {
    return this.#part === 'done'
  }

  get body(): Uint8Array {
    return this.#body.slice(0, this.#length)
  }

  /** Takes what came. What follows the end of the answer is not looked at. */
  feed(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && !this.done; ) {
      const inBody =
        this.#part === 'length' || this.#part === 'to-the-end' || this.#part === 'chunk'
      at = inBody ? this.#takeBody(bytes, at) : this.#takeLine(bytes, at)
    }
  }

  /** The server has closed the connection. */
  end(): void {
    if (this.#part === 'to-the-end') this.#part = 'done'
    if (!this.done) throw this.#broken('the answer ended before it was complete')
  }

  #takeBody(bytes: Uint8Array, at: number): number {
    const there = bytes.length - at
    const count = this.#part === 'to-the-end' ? there : Math.min(there, this.#left)
    this.#allow(count)
    this.#body.set(bytes.subarray(at, at + count), this.#length)
    this.#length += count
    this.#left -= count
    if (this.#part !== 'to-the-end' && this.#left === 0) {
      this.#part = this.#part === 'chunk' ? 'chunk-end' : 'done'
    }
    return at + count
  }

  #allow(more: number): void {
    if (this.#length + more <= this.bodyMax) return
    throw new TrustError(
      `endless data: ${this.peer} sends more than the ${this.bodyMax} bytes that an answer may have`,
    )
  }

  #takeLine(bytes: Uint8Array, from: number): number {
    let at = from
    while (at < bytes.length && bytes[at] !== NEWLINE) at++
    this.#line += String.fromCharCode(...bytes.subarray(from, Math.min(at, from + LINE_ROOM)))
    this.#lines += at - from
    const isHead = this.#part === 'status' || this.#part === 'headers'
    const linesMax = isHead ? HTTP_HEAD_SIZE_MAX : HTTP_FRAMING_SIZE_MAX
    if (this.#line.length > HTTP_LINE_SIZE_MAX || this.#lines > linesMax) {
      throw this.#broken('its answer has more lines, or longer ones, than an answer may have')
    }
    if (at === bytes.length) return at
    const line = this.#line
    this.#line = ''
    // The newline itself counts, too: an answer of nothing but empty lines must also end.
    this.#lines++
    if (!line.endsWith('\r')) throw this.#broken('a line of its answer does not end in CR LF')
    if (STRAY.test(line.slice(0, -1)))
      throw this.#broken('a line of its answer has a CR or a NUL in it')
    this.#lineCame(line.slice(0, -1))
    return at + 1
  }

  #lineCame(line: string): void {
    if (this.#part === 'status') this.#statusCame(line)
    else if (this.#part === 'headers' && line !== '') this.#headerCame(line)
    else if (this.#part === 'headers') this.#headEnded()
    else if (this.#part === 'chunk-size') this.#chunkBegins(line)
    else if (this.#part === 'chunk-end') {
      if (line !== '') throw this.#broken('a chunk is longer than it says')
      this.#part = 'chunk-size'
    } else if (line === '') this.#part = 'done'
  }

  #statusCame(line: string): void {
    const status = /^HTTP\/1\.[01] ([1-5][0-9][0-9])( .*)?$/.exec(line)
    if (!status) throw this.#broken(`it does not speak HTTP/1.1: "${show(line.slice(0, 60))}"`)
    this.status = Number(status[1])
    this.#part = 'headers'
  }

  #headerCame(line: string): void {
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase()
    const value = trimmed(line.slice(colon + 1), ' \t')
    if (!TOKEN.test(name)) {
      throw this.#broken(`its answer has the malformed header "${show(line.slice(0, 60))}"`)
    }
    const before = this.headers.get(name)
    const isFraming = name === 'content-length' || name === 'transfer-encoding'
    if (before !== undefined && isFraming) throw this.#broken(`its answer has ${name} twice`)
    this.headers.set(name, before === undefined ? value : `${before}, ${value}`)
  }

  #headEnded(): void {
    // "Go on", and the like, before the answer itself.
    if (this.status < 200) {
      this.headers.clear()
      this.#part = 'status'
      return
    }
    this.#lines = 0
    const length = this.headers.get('content-length')
    const transfer = this.headers.get('transfer-encoding')?.toLowerCase()
    const coding = this.headers.get('content-encoding')?.toLowerCase()
    if (coding !== undefined && coding !== 'identity') {
      throw this.#broken(
        `its answer is packed (${show(coding.slice(0, 60))}), which was not asked for`,
      )
    }
    if (transfer !== undefined && length !== undefined) {
      throw this.#broken('its answer gives both a length and chunks')
    }
    if (this.status === 204 || this.status === 304) this.#part = 'done'
    else if (transfer !== undefined) {
      if (transfer !== 'chunked') {
        throw this.#broken(`its answer comes as "${show(transfer.slice(0, 60))}"`)
      }
      this.#part = 'chunk-size'
    } else if (length !== undefined) {
      if (!/^[0-9]{1,15}$/.test(length)) throw this.#broken('its answer has a malformed length')
      this.#left = Number(length)
      this.#allow(this.#left)
      this.#part = this.#left === 0 ? 'done' : 'length'
    } else this.#part = 'to-the-end'
  }

  #chunkBegins(line: string): void {
    const size = /^([0-9A-Fa-f]{1,8})[ \t]*(;.*)?$/.exec(line)?.[1]
    if (size === undefined) {
      throw this.#broken(`its answer has the malformed chunk "${show(line.slice(0, 60))}"`)
    }
    this.#left = Number.parseInt(size, 16)
    this.#allow(this.#left)
    this.#part = this.#left === 0 ? 'trailers' : 'chunk'
  }

  #broken(what: string): PeerError {
    return new PeerError(`${this.peer}: ${what}`, 'broken')
  }
}

/** One byte more than a line may have is enough to tell. */
const LINE_ROOM = HTTP_LINE_SIZE_MAX + 1
