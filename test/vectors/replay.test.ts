/**
 * Recorded sessions with stock daemons, played back: the daemon's bytes come in pieces of one byte,
 * of random lengths, and whole; our bytes have to be the recorded ones, and the files those of the tree.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Sockets } from '../../src/host.ts'
import { deadline } from '../support/deadline.ts'
import { host } from '../support/rsync-client.ts'
import { play, SCENARIOS, TREE } from './scenarios.ts'

const folder = 'test/vectors'

interface Piece {
  from: string
  bytes: Buffer
}

/** The connections of a recorded session. */
function parse(text: string): Piece[][] {
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
class Recording {
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

function replayed(connections: Recording[]): Sockets {
  const rest = [...connections]
  const of = (socket: object) => socket as Recording
  return {
    resolve: async () => [{ family: 4, address: '127.0.0.1', port: 873 }],
    connect: async () => rest.shift() as Recording,
    read: async (socket, buffer, offset, length) => of(socket).read(buffer, offset, length),
    write: async (socket, buffer, offset, length) => {
      of(socket).sent.push(Buffer.from(buffer.slice(offset, offset + length)))
    },
    shutdown: () => {},
    close: () => {},
  }
}

let random = 4711
const CUTS: Record<string, () => number> = {
  'byte by byte': () => 1,
  'in threes': () => 3,
  'at random': () => {
    random = (random * 48_271) % 0x7fffffff
    return 1 + (random % 700)
  },
  whole: () => Number.MAX_SAFE_INTEGER,
}

const wires = readdirSync(folder).filter((name) => name.endsWith('.wire'))

test('there are vectors of every scenario and three versions', () => {
  assert.is(wires.length, SCENARIOS.length * 3)
})

for (const wire of wires) {
  const scenario = SCENARIOS.find(({ name }) => wire.endsWith(`-${name}.wire`))
  for (const [how, cut] of Object.entries(CUTS)) {
    test(`${wire}, ${how}`, async () => {
      assert.ok(scenario, 'a vector without a scenario')
      const recorded = parse(readFileSync(join(folder, wire), 'utf8'))
      const connections = recorded.map((pieces) => new Recording(pieces, cut))
      const modules = { ...host, sockets: replayed(connections) }
      const came = await deadline(play(modules, 873, scenario))
      const { selection } = scenario.options
      const under = selection.kind === 'paths' ? '' : `${selection.under}/`
      for (const [name, content] of came) assert.is(content, TREE[under + name], name)
      recorded.forEach((pieces, i) => {
        const ours = pieces.filter(({ from }) => from === '>').map(({ bytes }) => bytes)
        const sent = Buffer.concat(connections[i]?.sent ?? [])
        assert.is(sent.toString('latin1'), Buffer.concat(ours).toString('latin1'))
      })
    })
  }
}

test.run()
