/** Reads recorded sessions, and plays the daemon's side of them. */
import type { Sockets } from '../../src/host.ts'

export interface Piece {
  from: string
  bytes: Buffer
}

/** The connections of a recorded session. */
export function parseWire(text: string): Piece[][] {
  const connections: Piece[][] = [[]]
  for (const line of text.split('\n')) {
    const sign = line.slice(0, 1)
    if (sign === '' || sign === '#') continue
    const bytes = Buffer.from(line.slice(2), 'hex')
    const pieces = connections.at(-1) as Piece[]
    const last = pieces.at(-1)
    if (sign === '=') connections.push([])
    else if (sign === ' ' && last) last.bytes = Buffer.concat([last.bytes, bytes])
    else pieces.push({ from: sign, bytes })
  }
  return connections
}

/** A daemon that says its recorded pieces, each cut as `pieceLength` says. */
export class Recording {
  readonly sent: Buffer[] = []
  #said: Buffer[]

  constructor(
    pieces: Piece[],
    readonly pieceLength: () => number,
  ) {
    this.#said = pieces.filter(({ from }) => from === '<').map(({ bytes }) => bytes)
  }

  read(buffer: Uint8Array, offset: number, length: number): number {
    const next = this.#said[0]
    if (!next) return 0
    const count = Math.min(this.pieceLength(), length, next.length)
    buffer.set(next.subarray(0, count), offset)
    if (count < next.length) this.#said[0] = next.subarray(count)
    else this.#said.shift()
    return count
  }
}

export function replayed(connections: Recording[]): Sockets {
  const rest = [...connections]
  const of = (socket: object) => socket as Recording
  const sockets: Partial<Sockets> = {
    resolve: async () => [{ family: 4, address: '127.0.0.1', port: 873 }],
    connect: async () => rest.shift() as Recording,
    read: async (socket, buffer, offset, length) => of(socket).read(buffer, offset, length),
    write: async (socket, buffer, offset, length) => {
      of(socket).sent.push(Buffer.from(buffer.slice(offset, offset + length)))
    },
    shutdown: () => {},
    close: () => {},
  }
  return sockets as Sockets
}
