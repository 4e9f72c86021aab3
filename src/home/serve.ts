/**
 * The home server: takes laptops one by one from the listener, many at once and never too many, and
 * answers each with a signed reply. A laptop that is slow, broken or hostile costs itself, and
 * nobody else. It runs until its listener is closed.
 */
import { CALL_HOME_PATH, decodeQuestion, type Question } from '../call-home/question.ts'
import { encodeReply, type Reply } from '../call-home/reply.ts'
import { isSystemError, PeerError, UpgradeError } from '../errors.ts'
import type { Host } from '../host.ts'
import { type SecretKey, sign } from '../release/signify.ts'
import { arrayOfBytes, bytesOfText } from '../text.ts'
import { answer } from './answer.ts'
import type { HomeFolder } from './folder.ts'
import { HttpRequest, Refusal } from './http-request.ts'

type Listener = import('native:sockets').Listener
type Accepted = Awaited<ReturnType<Host['sockets']['accept']>>

/** Calls at once, a buffer and a descriptor each. More of them wait in the kernel's queue. */
const CONNECTIONS_MAX = 200
/** For a whole call, however slowly it comes (milliseconds). */
const CALL_TIMEOUT_MS = 10_000
/** For a call, once others wait because there are too many: a question is one packet or two (milliseconds). */
const CROWDED_CALL_MS = 2000
/** How often the folder is looked at (milliseconds). */
const REFRESH_MS = 1000
/** The wait when no descriptor is free: some calls will have ended by then (milliseconds). */
const CROWDED_MS = 50
const PIECE = 4096

/** One that is being answered, since when (by the monotonic clock). */
interface Call {
  socket: Accepted['socket']
  beganMs: number
}

interface HomeServerOptions {
  folder: HomeFolder
  key: SecretKey
  listener: Listener
  /** What an operator should know of, in a sentence. */
  complain(text: string): void
}

export class HomeServer {
  readonly #modules: Pick<Host, 'sockets' | 'clock' | 'checksums'>
  readonly #options: HomeServerOptions
  /** The oldest first. */
  readonly #calls = new Set<Call>()
  #freed: () => void = () => {}
  #refreshedMs = Number.NEGATIVE_INFINITY

  constructor(modules: Pick<Host, 'sockets' | 'clock' | 'checksums'>, options: HomeServerOptions) {
    this.#modules = modules
    this.#options = options
  }

  async run(): Promise<void> {
    const { sockets, clock } = this.#modules
    for (;;) {
      await this.#room()
      let accepted: Accepted
      try {
        accepted = await sockets.accept(this.#options.listener)
      } catch (error) {
        if (isSystemError(error, 'ECANCELED')) return
        if (!isSystemError(error, 'EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM')) throw error
        await clock.sleep(CROWDED_MS)
        continue
      }
      void this.#serve(accepted)
    }
  }

  /** Until one more call may be taken: whoever has kept others waiting for the longest gives way. */
  async #room(): Promise<void> {
    const { clock } = this.#modules
    while (this.#calls.size >= CONNECTIONS_MAX) {
      const [oldest] = this.#calls
      if (!oldest) return
      const leftMs = oldest.beganMs + CROWDED_CALL_MS - clock.monotonicMs()
      if (leftMs <= 0) this.#end(oldest)
      else {
        const oneEnds = new Promise<void>((resolve) => {
          this.#freed = resolve
        })
        await Promise.race([oneEnds, clock.sleep(leftMs)])
      }
    }
  }

  #end(call: Call): void {
    if (!this.#calls.delete(call)) return
    this.#modules.sockets.close(call.socket)
    this.#freed()
  }

  async #serve({ socket, peer }: Accepted): Promise<void> {
    const call = { socket, beganMs: this.#modules.clock.monotonicMs() }
    this.#calls.add(call)
    try {
      await this.#call(socket, peer?.address)
    } catch (error) {
      // The laptop is gone, or says nothing: it will call again.
      if (!isSystemError(error)) this.#options.complain(String(error))
    } finally {
      this.#end(call)
    }
  }

  async #call(socket: object, address: string | undefined): Promise<void> {
    const { sockets, clock } = this.#modules
    const endMs = clock.monotonicMs() + CALL_TIMEOUT_MS
    const leftMs = () => Math.max(1, endMs - clock.monotonicMs())
    let response: Uint8Array
    try {
      const request = new HttpRequest()
      const buffer = new Uint8Array(PIECE)
      while (!request.done) {
        if (clock.monotonicMs() >= endMs) return
        const count = await sockets.read(socket, buffer, 0, PIECE, leftMs())
        if (count === 0) return
        request.feed(buffer.subarray(0, count))
      }
      response = this.#respond(request, address)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      response = refused(error)
    }
    await sockets.write(socket, response, 0, response.length, leftMs())
    sockets.shutdown(socket)
  }

  #respond(request: HttpRequest, address: string | undefined): Uint8Array {
    if (request.path !== CALL_HOME_PATH) throw new Refusal(404, `laptops ask ${CALL_HOME_PATH}`)
    if (request.method !== 'POST') throw new Refusal(405, 'laptops ask with POST')
    const question = questionOf(request.body)
    this.#refresh()
    const { folder, key } = this.#options
    const time = Math.floor(this.#modules.clock.wallSeconds())
    const reply = answer(this.#modules.checksums, question, folder.policy, time)
    this.#log(question, reply, address)
    return response(200, 'OK', sign(encodeReply(reply), key, 'signature of the home server'))
  }

  #refresh(): void {
    const { folder, complain } = this.#options
    const nowMs = this.#modules.clock.monotonicMs()
    if (nowMs - this.#refreshedMs < REFRESH_MS) return
    this.#refreshedMs = nowMs
    try {
      folder.refresh()
    } catch (error) {
      if (!(error instanceof UpgradeError) && !isSystemError(error)) throw error
      complain(`${error.message}; what was read before holds until this is corrected`)
    }
  }

  #log({ nonce: _, ...question }: Question, reply: Reply, address: string | undefined): void {
    const { time, version, stolen } = reply
    try {
      // Where a laptop calls from is logged only if it was stolen.
      const where = stolen ? { address } : {}
      this.#options.folder.log({ time, ...question, answered: version, stolen, ...where })
    } catch (error) {
      // A full disk must not keep a laptop from its answer.
      if (!isSystemError(error)) throw error
      this.#options.complain(`the call of ${question.serial} was not logged: ${error.message}`)
    }
  }
}

function questionOf(body: Uint8Array): Question {
  try {
    return decodeQuestion(body)
  } catch (error) {
    if (error instanceof PeerError) throw new Refusal(400, error.message)
    throw error
  }
}

const REASONS: Record<number, string> = {
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
  501: 'Not Implemented',
}

function refused({ status, message }: Refusal): Uint8Array {
  return response(status, REASONS[status] ?? 'Refused', arrayOfBytes(bytesOfText(`${message}\n`)))
}

function response(status: number, reason: string, body: Uint8Array): Uint8Array {
  const head = arrayOfBytes(
    `HTTP/1.1 ${status} ${reason}\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n`,
  )
  const bytes = new Uint8Array(head.length + body.length)
  bytes.set(head)
  bytes.set(body, head.length)
  return bytes
}
