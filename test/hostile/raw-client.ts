/**
 * A client of an rsync server that says whatever a test makes up, at whatever moment: the project's own codecs
 * where it is to be understood, bare bytes where it is not. It keeps all that the server says.
 */
import { connect, type Socket } from 'node:net'
import { IndexWriter, readVarint, writeVstring } from '../../src/rsync/integers.ts'
import { DEADLINE_MS } from '../support/deadline.ts'
import { frame, hex, latin } from '../support/peer-bytes.ts'

export const GREETING = '@RSYNCD: 31.0\n'
/** What the compatibility bits leave to be said: a checksum list. */
const CHECKSUMS = Buffer.from(writeVstring('md5'))
const NO_RULES = hex('00000000')

export interface Answer {
  /** Everything, as it came. */
  raw: string
  /** The lines before the framed part. */
  lines: string[]
  /** Errors and warnings, in words. */
  words: string
  /** The data of all frames. */
  data: Buffer
  /** Whether it ended the connection, or had to be left. */
  ended: boolean
}

export class RawClient {
  readonly #pieces: Buffer[] = []
  #ended = false
  #heard: () => void = () => {}

  private constructor(readonly socket: Socket) {
    socket.on('data', (bytes) => {
      this.#pieces.push(bytes)
      this.#heard()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#ended = true
      this.#heard()
    })
  }

  static open(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(new RawClient(socket)))
      socket.once('error', reject)
    })
  }

  say(...pieces: (Buffer | string)[]): this {
    for (const piece of pieces) {
      if (this.socket.writable) this.socket.write(typeof piece === 'string' ? latin(piece) : piece)
    }
    return this
  }

  /** As fast as it is taken, until it is all said or the server has gone. */
  async pour(pieces: Iterable<Buffer>): Promise<void> {
    for (const piece of pieces) {
      if (this.#ended || this.socket.destroyed) return
      if (this.socket.write(piece)) continue
      await new Promise<void>((resolve) => {
        const go = () => {
          this.socket.off('drain', go).off('close', go)
          resolve()
        }
        this.socket.once('drain', go).once('close', go)
      })
    }
  }

  get heard(): Buffer {
    return Buffer.concat(this.#pieces)
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Waits until `found` is true of what came, or the server has ended the connection. */
  async until(found: (heard: Buffer) => boolean): Promise<void> {
    while (!this.#ended && !found(this.heard)) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          const said = this.heard.toString('latin1').slice(-500)
          reject(new Error(`the server says nothing more; so far: ${JSON.stringify(said)}`))
        }, DEADLINE_MS)
        this.#heard = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  /** All that it said; the server has to end the connection within the deadline. */
  async end(): Promise<Answer> {
    await this.until(() => false)
    return this.answer()
  }

  answer(): Answer {
    return { ...takenApart(this.heard), ended: this.#ended }
  }

  leave(): void {
    this.socket.destroy()
  }
}

/** Greeting, module and arguments, with the words that follow them up to the filter rules. */
export function asking(words: string[], { module = 'xo', letters = '-re.LsfxCIvu' } = {}): Buffer {
  const all = ['--server', '--sender', letters, ...words, '']
  const text = `${GREETING}${module}\n${all.join('\0')}\0`
  return Buffer.concat([latin(text), CHECKSUMS, frame(0, NO_RULES)])
}

/** The same up to the filter rules, without any. */
export const askingOnly = (words: string[], given?: { module?: string; letters?: string }) => {
  const all = asking(words, given)
  return all.subarray(0, all.length - frame(0, NO_RULES).length)
}

export const rule = (text: string) => {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(text.length)
  return Buffer.concat([length, latin(text)])
}

/** Requests, whose indexes depend on each other. */
export class Requests {
  readonly #indexes = new IndexWriter()

  /** With a sum head as its four numbers; without, the whole file is asked for. */
  file(index: number, head: number[] = [0, 0, 0, 0], flags = 0x8000): Buffer {
    const bytes = new Uint8Array(8)
    const length = this.#indexes.write(index, bytes, 0)
    const rest = Buffer.alloc(18)
    rest.writeUInt16LE(flags)
    for (const [i, value] of head.entries()) rest.writeInt32LE(value | 0, 2 + i * 4)
    return Buffer.concat([bytes.subarray(0, length), rest])
  }
}

export const data = (...pieces: Buffer[]) => frame(0, Buffer.concat(pieces))
export const DONE = hex('00')
/** All that ends a session in which nothing is left to be asked for. */
export const GOODBYE = data(DONE, DONE, DONE, DONE, DONE)

function takenApart(heard: Buffer): Omit<Answer, 'ended'> {
  const raw = heard.toString('latin1')
  const lines: string[] = []
  let at = 0
  while (at < heard.length) {
    const end = heard.indexOf(10, at)
    if (end < 0) break
    const line = raw.slice(at, end)
    lines.push(line)
    at = end + 1
    if (/^@RSYNCD: (OK|EXIT)|^@ERROR/.test(line)) break
  }
  const pieces: Buffer[] = []
  let words = lines.filter((line) => line.startsWith('@ERROR')).join('\n')
  if (lines.at(-1) !== '@RSYNCD: OK') return { raw, lines, words, data: Buffer.alloc(0) }
  const flags = readVarint(heard, at, heard.length)
  at = flags?.next ?? heard.length
  // The server's list of checksums, in one or two bytes of length.
  if ((flags?.value ?? 0) & 0x80 && at < heard.length) at += 1 + (heard[at] as number)
  at += 4
  while (at + 4 <= heard.length) {
    const header = heard.readUInt32LE(at)
    const payload = heard.subarray(at + 4, at + 4 + (header & 0xffffff))
    at += 4 + (header & 0xffffff)
    const code = (header >>> 24) - 7
    if (code === 0) pieces.push(payload)
    else if (code >= 1 && code <= 4) words += payload.toString('latin1')
  }
  return { raw, lines, words, data: Buffer.concat(pieces) }
}
