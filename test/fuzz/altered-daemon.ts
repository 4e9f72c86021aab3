/**
 * A stock rsync daemon whose words are altered on their way, layer by layer: its lines, what it negotiates,
 * its frames, and the data in them, whose frames are right again. So an alteration gets as deep as the
 * layer that it is of.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import fc from 'fast-check'
import { PeerError } from '../../src/errors.ts'
import { readVarint, readVstring } from '../../src/rsync/integers.ts'
import { frame } from '../support/peer-bytes.ts'
import { type Change, change, changed, place } from './arbitraries.ts'
import { decoded } from './property.ts'

const LAYERS = ['lines', 'negotiation', 'data', 'frames', 'end'] as const
type Layer = (typeof LAYERS)[number]

export interface Alteration {
  /** Of the run, from 0. */
  connection: number
  layer: Layer
  /** Where, as a part of what that layer says without alterations. */
  place: number
  change: Change
  /** Of a frame that is put in. */
  code: number
}

export const alteration: fc.Arbitrary<Alteration> = fc.record({
  connection: fc.nat(2),
  layer: fc.oneof(
    { weight: 4, arbitrary: fc.constant('data' as const) },
    { weight: 2, arbitrary: fc.constant('frames' as const) },
    { weight: 1, arbitrary: fc.constantFrom(...LAYERS) },
  ),
  place,
  change,
  code: fc.oneof(fc.constantFrom(0, 1, 2, 3, 4, 22, 33, 42, 86, 102), fc.nat(248)),
})

const ACCEPTED = '@RSYNCD: OK\n'
/** Payloads as stock rsync frames them are shorter than this (bytes). */
const PIECE_MAX = 60_000

interface Lengths {
  data: number
  frames: number
}

export class AlteredDaemon {
  port = 0
  #server: Server
  readonly #sockets = new Set<Socket>()
  #alterations: readonly Alteration[] = []
  #connections = 0
  /** Of each connection, as it was without alterations. */
  readonly #usual: Lengths[] = []

  private constructor(readonly daemonPort: number) {
    this.#server = createServer((client) => this.#serve(client))
  }

  static start(daemonPort: number): Promise<AlteredDaemon> {
    const daemon = new AlteredDaemon(daemonPort)
    return new Promise((resolve) =>
      daemon.#server.listen(0, '127.0.0.1', () => {
        const address = daemon.#server.address()
        daemon.port = typeof address === 'object' ? (address?.port ?? 0) : 0
        resolve(daemon)
      }),
    )
  }

  /** Of the connections that come now. Without any, it learns how much is said in each. */
  alter(alterations: readonly Alteration[]): void {
    this.#alterations = alterations
    this.#connections = 0
    for (const socket of this.#sockets) socket.destroy()
  }

  stop(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #serve(client: Socket): void {
    const index = this.#connections++
    const usual = this.#usual[index] ?? { data: 0, frames: 0 }
    if (this.#alterations.length === 0) this.#usual[index] = usual
    const own = this.#alterations.filter(({ connection }) => connection === index)
    const said = new AlteredWords(
      own,
      { ...usual },
      this.#alterations.length === 0 ? usual : undefined,
    )
    const daemon = connect(this.daemonPort, '127.0.0.1')
    const end = () => {
      client.destroy()
      daemon.destroy()
    }
    for (const socket of [client, daemon]) {
      this.#sockets.add(socket)
      socket.on('error', end)
      socket.on('close', () => {
        this.#sockets.delete(socket)
      })
    }
    client.on('data', (bytes) => daemon.write(bytes))
    client.on('end', () => daemon.end())
    daemon.on('data', (bytes) => {
      client.write(said.take(bytes))
      if (said.isOver) client.end()
    })
    daemon.on('end', () => {
      client.write(said.rest())
      client.end()
    })
  }
}

/** The words of one connection, as they come out altered. */
export class AlteredWords {
  isOver = false
  #held = Buffer.alloc(0)
  #part: 'lines' | 'negotiation' | 'frames' = 'lines'
  #data = 0
  #frames = 0

  constructor(
    readonly alterations: readonly Alteration[],
    readonly usual: Lengths,
    /** What is counted where nothing is altered. */
    readonly counted: Lengths | undefined,
  ) {}

  take(bytes: Buffer): Buffer {
    this.#held = Buffer.concat([this.#held, bytes])
    const said: Buffer[] = []
    for (let next = this.#next(); next; next = this.#next()) said.push(next)
    return Buffer.concat(said)
  }

  /** What never became whole. */
  rest(): Buffer {
    return this.#held
  }

  #next(): Buffer | undefined {
    if (this.isOver) return undefined
    if (this.#part === 'lines') return this.#lines()
    return this.#part === 'negotiation' ? this.#negotiation() : this.#frame()
  }

  #lines(): Buffer | undefined {
    const end = this.#held.indexOf(ACCEPTED)
    if (end < 0) return undefined
    this.#part = 'negotiation'
    return this.#altered('lines', this.#cut(end + ACCEPTED.length))
  }

  /** The bits, one list or two, and the seed: they come together, before anything that is framed. */
  #negotiation(): Buffer | undefined {
    const held = this.#held
    const bits = readVarint(held, 0, held.length)
    if (!bits) return undefined
    let at = bits.next
    // What follows the lists are random numbers, which read as anything.
    for (let next = listAt(held, at); next !== undefined; next = listAt(held, at)) at = next
    if (held.length < at + 4) return undefined
    this.#part = 'frames'
    return this.#altered('negotiation', this.#cut(at + 4))
  }

  #frame(): Buffer | undefined {
    if (this.#held.length < 4) return undefined
    const header = this.#held.readUInt32LE()
    const length = header & 0xffffff
    if (this.#held.length < 4 + length) return undefined
    const code = (header >>> 24) - 7
    const payload = this.#cut(4 + length).subarray(4)
    const whole = code === 0 ? framed(this.#payload(payload)) : frame(code, payload)
    return this.#amongFrames(whole)
  }

  #payload(payload: Buffer): Buffer {
    const from = this.#data
    this.#data += payload.length
    if (this.counted) this.counted.data = this.#data
    const own = this.#due('data', from, this.#data, this.usual.data)
    return own.reduce((result, one) => Buffer.from(changed(result, one.change, result)), payload)
  }

  #amongFrames(whole: Buffer): Buffer {
    const index = this.#frames++
    if (this.counted) this.counted.frames = this.#frames
    const ends = this.#due('end', index, index + 1, this.usual.frames).length > 0
    if (ends) {
      this.isOver = true
      return whole.subarray(0, whole.length >> 1)
    }
    const own = this.#due('frames', index, index + 1, this.usual.frames)
    return own.reduce((result, one) => withFrame(result, one), whole)
  }

  #due(layer: Layer, from: number, to: number, usual: number): Alteration[] {
    return this.alterations.filter((one) => {
      const place = Math.floor(one.place * usual)
      return one.layer === layer && place >= from && place < to
    })
  }

  #altered(layer: Layer, words: Buffer): Buffer {
    const own = this.alterations.filter((one) => one.layer === layer)
    return own.reduce((result, one) => Buffer.from(changed(result, one.change, result)), words)
  }

  #cut(length: number): Buffer {
    const piece = this.#held.subarray(0, length)
    this.#held = this.#held.subarray(length)
    return piece
  }
}

/** Where a list of names ends; undefined where none is. */
function listAt(held: Buffer, at: number): number | undefined {
  const list = decoded(() => readVstring(held, at, held.length), PeerError)
  return list && /^[a-z0-9 ]{3,}$/.test(list.value) ? list.next : undefined
}

/** Data of any length, in frames that are right. */
function framed(payload: Buffer): Buffer {
  const frames: Buffer[] = []
  for (let at = 0; at < payload.length; at += PIECE_MAX) {
    frames.push(frame(0, payload.subarray(at, at + PIECE_MAX)))
  }
  return Buffer.concat(frames)
}

/** A frame is lost, comes twice, has another header, or one comes before it that nobody asked for. */
function withFrame(whole: Buffer, { change: one, code }: Alteration): Buffer {
  const content = Buffer.from(one.inserted)
  switch (one.kind) {
    case 'cut':
    case 'cut-line':
      return Buffer.alloc(0)
    case 'repeat':
    case 'repeat-line':
      return Buffer.concat([whole, whole])
    case 'flip':
    case 'set':
      return Buffer.from(changed(whole, { ...one, at: (one.at * 4) / whole.length }, whole))
    case 'truncate':
      return Buffer.concat([frame(code, content.subarray(0, 4)), whole])
    default:
      return Buffer.concat([frame(code, content), whole])
  }
}
