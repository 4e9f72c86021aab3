/**
 * A home server that does what a test says: signed replies, or any bytes at all. Nothing of the real home
 * server is in it, so that laptops are tested against code of another kind.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { decodeQuestion, type Question } from '../../src/call-home/question.ts'
import { encodeReply, type Reply } from '../../src/call-home/reply.ts'
import { type SecretKey, sign } from '../../src/release/signify.ts'

/** Writes whatever it likes, and ends the connection or doesn't. */
export type Script = (socket: Socket, question: Question, request: string) => void

export class HomeServer {
  readonly questions: Question[] = []
  /** Requests as they came, head and body. */
  readonly requests: string[] = []
  script: Script
  url = ''
  #server: Server
  #sockets = new Set<Socket>()

  private constructor(script: Script) {
    this.script = script
    this.#server = createServer((socket) => this.#serve(socket))
  }

  static start(script: Script): Promise<HomeServer> {
    const home = new HomeServer(script)
    return new Promise((resolve) =>
      home.#server.listen(0, '127.0.0.1', () => {
        const address = home.#server.address()
        home.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
        resolve(home)
      }),
    )
  }

  stop(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    let request = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('data', (bytes) => {
      request = Buffer.concat([request, bytes])
      const text = request.toString('latin1')
      const head = text.indexOf('\r\n\r\n') + 4
      const length = Number(/content-length: ([0-9]+)/i.exec(text)?.[1])
      if (head < 4 || request.length < head + length) return
      socket.removeAllListeners('data')
      const question = decodeQuestion(new Uint8Array(request.subarray(head)))
      this.questions.push(question)
      this.requests.push(text)
      this.script(socket, question, text)
    })
  }
}

/** A reply that says that all is well, and to ask again in an hour. `time` is now. */
export function replyTo({ serial, nonce }: Question, change: Partial<Reply> = {}): Reply {
  return {
    serial,
    nonce,
    time: Math.floor(Date.now() / 1000),
    stolen: false,
    version: undefined,
    leaseEnd: undefined,
    intervalSeconds: 3600,
    priority: 'normal',
    sources: [],
    message: '',
    ...change,
  }
}

/** A proper answer with this body. */
export function answer(socket: Socket, body: Uint8Array): void {
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`)
  socket.end(body)
}

/** Answers each question with the plain reply, changed in this. */
export function replying(key: SecretKey, change: Partial<Reply> | (() => Partial<Reply>)): Script {
  return (socket, question) => {
    const reply = replyTo(question, typeof change === 'function' ? change() : change)
    answer(socket, sign(encodeReply(reply), key, 'verify with home.pub'))
  }
}
