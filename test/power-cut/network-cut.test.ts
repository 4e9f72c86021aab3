// deadline: 20 minutes
/**
 * The network fails at any byte of a recorded session with a stock daemon, in either direction: the session
 * ends with an error about the peer, and what came before is right or not there.
 */
import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { DeadlineError, isSystemError, PeerError } from '../../src/errors.ts'
import { deadline } from '../support/deadline.ts'
import { host } from '../support/rsync-client.ts'
import { scratch } from '../support/scratch.ts'
import { settings } from '../support/settings.ts'
import { test } from '../support/suite.ts'
import { parseWire, Recording, replayed } from '../vectors/recording.ts'
import { play, SCENARIOS, TREE } from '../vectors/scenarios.ts'
import { type Flow, theProgram } from './device.ts'
import { cutting, proveNetwork } from './network.ts'
import { setStage, withProgram } from './scenarios.ts'
import { seedOfRun } from './seed.ts'

/** Of a whole upgrade, every so many bytes; `npm run power-cut -- --network` takes each. */
const UPGRADE_STRIDE = settings.every ?? (settings.whole ? 1 : 301)
/** That is enough cuts to tell how many of them come too late. */
const TELLING = 50
/** Every byte of a short session, else so many of them. */
const CUTS_MAX = 1500

const lengthOf = (text: string, direction: string) =>
  parseWire(text)
    .flat()
    .reduce((sum, { from, bytes }) => sum + (from === direction ? bytes.length : 0), 0)

for (const name of ['paths-zstd', 'tree-zlibx-delta', 'names-protocol-30']) {
  for (const direction of ['<', '>'] as const) {
    test(`${name}: the line is cut ${direction === '<' ? 'from' : 'to'} the daemon`, async () => {
      const scenario = SCENARIOS.find((one) => one.name === name)
      assert.ok(scenario)
      const text = readFileSync(`test/vectors/rsync-3.5.0-${name}.wire`, 'latin1')
      const length = lengthOf(text, direction)
      const stride = Math.max(1, Math.ceil(length / CUTS_MAX))
      const folder = scratch('network-cut')
      const outcomes = { ended: 0, whole: 0 }
      for (let at = 0; at < length; at += stride) {
        const connections = parseWire(text).map((pieces) => new Recording(pieces, () => 1000))
        const end = at % 2 ? 'closed' : 'reset'
        const sockets = cutting(replayed(connections), direction, at, end)
        try {
          const files = await deadline(play({ ...host, sockets }, 873, scenario, folder))
          for (const { result, name: file, content } of files.map((each) => each.outcome())) {
            if (!result || 'failed' in result) continue
            assert.ok(Object.values(TREE).includes(content), `byte ${at}: a wrong ${file}`)
          }
          outcomes.whole++
        } catch (error) {
          const known =
            error instanceof PeerError || error instanceof DeadlineError || isSystemError(error)
          if (!known) throw new Error(`byte ${at}: ${error instanceof Error ? error.stack : error}`)
          outcomes.ended++
        }
      }
      // The last bytes of a session only say goodbye.
      assert.ok(outcomes.ended > outcomes.whole, JSON.stringify(outcomes))
    })
  }
}

const stage = await setStage()
const seed = seedOfRun()
const upgrade = stage.scenarios.find(({ name }) => name === 'upgrade and swap')

test('a whole upgrade from a stock daemon, whose line is cut at some bytes', async () => {
  assert.ok(upgrade)
  const { bytes, cuts, survived, failures } = await proveNetwork(stage, upgrade, {
    stride: UPGRADE_STRIDE,
    first: seed,
  })
  console.log(`${cuts} cuts of ${bytes * 2}, ${survived} too late to matter, seed ${seed}`)
  assert.equal(failures.slice(0, 3), [])
  assert.ok(cuts > (settings.every ? 0 : TELLING))
  assert.ok(cuts < TELLING || survived < cuts / 2)
})

test('caught: the end of a connection is taken for the end of the work', async () => {
  assert.ok(upgrade)
  const broken = withProgram(stage, theProgram)
  broken.world = { ...broken.world, program: { ...theProgram, flow: credulous(theProgram.flow) } }
  const options = { stride: UPGRADE_STRIDE * 4, first: seed }
  const { failures } = await proveNetwork(broken, upgrade, options)
  assert.ok(failures.length > 0)
})

/** Sources that never fail half way: they had said everything. */
function credulous(flow: Flow): Flow {
  return {
    ...flow,
    upgrade: (job) =>
      flow.upgrade({
        ...job,
        sources: job.sources.map((source) => ({
          name: source.name,
          statement: (version) => source.statement(version),
          manifest: (version, wanted) => source.manifest(version, wanted),
          content: (version, files) => source.content(version, files).catch(() => {}),
          close: () => source.close(),
        })),
      }),
  }
}

test.run()
