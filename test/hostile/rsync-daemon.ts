/**
 * A hostile rsync daemon on loopback, for tests of the program as it ships: it is greeted and asked, and
 * then says whatever a test makes up, with the project's own codecs.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { IndexWriter, writeVstring } from '../../src/rsync/integers.ts'
import { frame, hex, latin } from '../support/peer-bytes.ts'
import { varint, varlong } from '../support/rsync-numbers.ts'

/** What it answers to one session; the words are those that the client gave to `rsync --server`. */
export type Answer = (words: string[]) => Iterable<Buffer>

export class HostileDaemon {
  readonly sessions: string[][] = []
  url = ''
  #server: Server
  #sockets = new Set<Socket>()

  private constructor(
    readonly answer: Answer,
    /** When it has said everything: it ends the connection, or says nothing more. */
    readonly then: 'end' | 'silence',
  ) {
    this.#server = createServer((socket) => this.#serve(socket))
  }

  static start(answer: Answer, then: 'end' | 'silence' = 'end'): Promise<HostileDaemon> {
    const daemon = new HostileDaemon(answer, then)
    return new Promise((resolve) =>
      daemon.#server.listen(0, '127.0.0.1', () => {
        const address = daemon.#server.address()
        const port = typeof address === 'object' ? address?.port : 0
        daemon.url = `rsync://127.0.0.1:${port}/xo`
        resolve(daemon)
      }),
    )
  }

  stop(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => {})
    socket.write('@RSYNCD: 31.0\n@RSYNCD: OK\n')
    let asked = ''
    const listen = (bytes: Buffer) => {
      asked += bytes.toString('latin1')
      // The words end with an empty one.
      const end = asked.indexOf('\0\0')
      if (end < 0) return
      socket.off('data', listen)
      socket.resume()
      const start = asked.lastIndexOf('\n', asked.indexOf('--server')) + 1
      const words = asked.slice(start, end).split('\0')
      this.sessions.push(words)
      pour(socket, this.answer(words)[Symbol.iterator](), () => {
        if (this.then === 'end') socket.end()
      })
    }
    socket.on('data', listen)
  }
}

/** As fast as the client takes it. */
function pour(socket: Socket, pieces: Iterator<Buffer>, ended: () => void): void {
  while (!socket.destroyed) {
    const { value, done } = pieces.next()
    if (done) {
      ended()
      return
    }
    if (!socket.write(value)) {
      socket.once('drain', () => pour(socket, pieces, ended))
      return
    }
  }
}

/** What a daemon says before its list: bits, checksum, compression, seed. */
export function agreed(compression?: 'zstd' | 'zlibx'): Buffer {
  const lists = ['md5', ...(compression === undefined ? [] : [compression])]
  return Buffer.concat([
    hex('81fe'),
    ...lists.map((list) => Buffer.from(writeVstring(list))),
    hex('00000000'),
  ])
}

/** A list's entry: its name, and the size and mode that it says. */
export function listed(name: string, size: number, mode = 0o100644): Buffer {
  const long = name.length > 255
  const bits = Buffer.alloc(4)
  bits.writeUInt32LE(mode)
  return Buffer.concat([
    // XMIT_LONG_NAME; or XMIT_TOP_DIR, which says nothing of a file, since no flags at all end the list.
    hex(long ? '40' : '01'),
    Buffer.from(long ? varint(name.length) : [name.length]),
    latin(name),
    Buffer.from(varlong(size, 3)),
    hex('69013557'),
    bits,
  ])
}

export const END_OF_LIST = hex('0000')

/** Entries in frames of a size that passes. */
export function* framed(pieces: Iterable<Buffer>): Generator<Buffer> {
  let held: Buffer[] = []
  let length = 0
  for (const piece of pieces) {
    held.push(piece)
    length += piece.length
    if (length < 60_000) continue
    yield frame(0, Buffer.concat(held))
    held = []
    length = 0
  }
  if (length > 0) yield frame(0, Buffer.concat(held))
}

/** The heads of answers to requests without a basis, one file after the other. */
export class Answers {
  readonly #indexes = new IndexWriter()

  head(index: number): Buffer {
    const bytes = new Uint8Array(8)
    const length = this.#indexes.write(index, bytes, 0)
    return Buffer.concat([bytes.subarray(0, length), hex('0080'), Buffer.alloc(16)])
  }
}
