/**
 * Recorded sessions with stock daemons, altered layer by layer and played back to the client within this
 * process: it ends with an error about the peer, or with the right files, and takes no more from the wire
 * than there is.
 */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { DeadlineError, PeerError } from '../../src/errors.ts'
import { host } from '../support/rsync-client.ts'
import { scratch } from '../support/scratch.ts'
import { parseWire, Recording, replayed } from '../vectors/recording.ts'
import { play, SCENARIOS, TREE } from '../vectors/scenarios.ts'
import { type Alteration, AlteredWords, alteration } from './altered-daemon.ts'
import { cuts } from './arbitraries.ts'
import { properties } from './property.ts'

const property = properties('replays')
const COST = 8
const folder = join(scratch('replays'), 'files')
mkdirSync(folder)

/** What the daemon said in each connection. */
function wordsOf(name: string): Buffer[] {
  const text = readFileSync(`test/vectors/rsync-3.5.0-${name}.wire`, 'latin1')
  return parseWire(text).map((pieces) => {
    return Buffer.concat(pieces.filter(({ from }) => from === '<').map(({ bytes }) => bytes))
  })
}

/** The words of each connection as the alterations leave them. */
function alteredWords(words: Buffer[], alterations: readonly Alteration[]): Buffer[] {
  return words.map((whole, index) => {
    const usual = { data: 0, frames: 0 }
    new AlteredWords([], usual, usual).take(whole)
    const own = alterations.filter(({ connection }) => connection % words.length === index)
    const altered = new AlteredWords(own, usual, undefined)
    const said = altered.take(whole)
    return altered.isOver ? said : Buffer.concat([said, altered.rest()])
  })
}

for (const scenario of SCENARIOS) {
  const words = wordsOf(scenario.name)
  property(
    `${scenario.name}, altered`,
    fc.tuple(fc.array(alteration, { minLength: 1, maxLength: 4 }), cuts),
    async ([alterations, lengths]) => {
      let reads = 0
      const pieceLength = () => (lengths[reads++ % lengths.length] ?? 1) * 16
      const recordings = alteredWords(words, alterations).map(
        (bytes) => new Recording([{ from: '<', bytes }], pieceLength),
      )
      const modules = { ...host, sockets: replayed(recordings) }
      try {
        const files = await play(modules, 873, scenario, folder)
        for (const { name, result, content } of files.map((file) => file.outcome())) {
          assert.ok(result, `nothing became of ${name}`)
          const isRight = 'failed' in result || Object.values(TREE).includes(content)
          assert.ok(isRight, `a wrong ${name}`)
        }
      } catch (error) {
        if (!isOfPeer(error)) throw error
      }
      const total = words.reduce((sum, { length }) => sum + length, 0)
      assert.ok(reads <= total * 4 + 1000, `${reads} reads`)
    },
    COST,
  )
}

const isOfPeer = (error: unknown) => error instanceof PeerError || error instanceof DeadlineError

property.run()
