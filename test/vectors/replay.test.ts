/**
 * Recorded sessions with stock daemons, played back: the daemon's bytes come in pieces of one byte,
 * of random lengths, and whole; our bytes have to be the recorded ones, and the files those of the tree.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { deadline } from '../support/deadline.ts'
import { host } from '../support/rsync-client.ts'
import { test } from '../support/suite.ts'
import { parseWire, Recording, replayed } from './recording.ts'
import { play, SCENARIOS, TREE } from './scenarios.ts'

const folder = 'test/vectors'

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
      const recorded = parseWire(readFileSync(join(folder, wire), 'utf8'))
      const connections = recorded.map((pieces) => new Recording(pieces, cut))
      const modules = { ...host, sockets: replayed(connections) }
      const came = await deadline(play(modules, 873, scenario))
      const { selection } = scenario.options
      const under = selection.kind === 'paths' ? '' : `${selection.under}/`
      for (const file of came) {
        assert.ok(file.result && 'digest' in file.result, file.name)
        assert.is(file.content().toString('latin1'), TREE[under + file.name], file.name)
      }
      recorded.forEach((pieces, i) => {
        const ours = pieces.filter(({ from }) => from === '>').map(({ bytes }) => bytes)
        const sent = Buffer.concat(connections[i]?.sent ?? [])
        assert.is(sent.toString('latin1'), Buffer.concat(ours).toString('latin1'))
      })
    })
  }
}

test.run()
