/**
 * One HTTP/1.1 request, read byte by byte as it comes: strict, bounded, synchronous. A refusal is an
 * HTTP status with a few words on why. It knows nothing of what is asked.
 */
import { HTTP_HEAD_SIZE_MAX, QUESTION_SIZE_MAX } from '../limits.ts'
import { trimmed } from '../text.ts'

/** The status that ends a request that can't be answered, and a few words for people. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/
/** What some take for the end of a line. */
const STRAY = /[\0\r\n]/
const NEWLINE = 0x0a

export class HttpRequest {
  method = ''
  path = ''
  done = false
  readonly #headers = new Map<string, string>()
  #head: string | undefined = ''
  #body = new Uint8Array(0)
  #length = 0

  /** The bytes after the head. */
  get body(): Uint8Array {
    return this.#body
  }

  /** Takes what came. Throws a Refusal. What follows the end of the request is not looked at. */
  feed(bytes: Uint8Array): void {
    let at = 0
    while (this.#head !== undefined && at < bytes.length) at = this.#takeHead(bytes, at)
    if (this.#head !== undefined) return
    const count = Math.min(bytes.length - at, this.#body.length - this.#length)
    this.#body.set(bytes.subarray(at, at + count), this.#length)
    this.#length += count
    this.done = this.#length === this.#body.length
  }

  #takeHead(bytes: Uint8Array, from: number): number {
    let at = from
    while (at < bytes.length && bytes[at] !== NEWLINE) at++
    const end = Math.min(at + 1, bytes.length)
    const head = (this.#head ?? '') + String.fromCharCode(...bytes.subarray(from, end))
    if (head.length > HTTP_HEAD_SIZE_MAX) throw new Refusal(431, 'the head is too large')
    this.#head = head
    if (head === '\r\n' || head.endsWith('\r\n\r\n')) this.#headCame(head)
    return end
  }

  #headCame(head: string): void {
    this.#head = undefined
    const [line = '', ...rest] = head.slice(0, -4).split('\r\n')
    // What could be read in two ways may have been read the other way by a proxy in between.
    if ([line, ...rest].some((one) => STRAY.test(one))) throw new Refusal(400, 'a stray line end')
    const words = /^([A-Z]{1,16}) ([\x21-\x7e]{1,1000}) HTTP\/1\.[01]$/.exec(line)
    if (!words) throw new Refusal(400, 'no request line of HTTP/1.1')
    this.method = words[1] ?? ''
    this.path = words[2] ?? ''
    for (const header of rest) this.#headerCame(header)
    this.#body = new Uint8Array(this.#bodyLength())
  }

  #headerCame(line: string): void {
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase()
    if (!TOKEN.test(name)) throw new Refusal(400, 'a malformed header')
    if (name === 'content-length' && this.#headers.has(name)) {
      throw new Refusal(400, 'two lengths')
    }
    this.#headers.set(name, trimmed(line.slice(colon + 1), ' \t'))
  }

  #bodyLength(): number {
    if (this.#headers.has('transfer-encoding')) throw new Refusal(501, 'a body in chunks')
    const length = this.#headers.get('content-length') ?? '0'
    if (!/^[0-9]{1,15}$/.test(length)) throw new Refusal(400, 'no proper length')
    if (Number(length) > QUESTION_SIZE_MAX) throw new Refusal(413, 'the question is too large')
    return Number(length)
  }
}
