/**
 * A peer, or somebody on the line, alters any byte of what a stock daemon says: the session ends with
 * an error about the peer, or with the right files; never with a wrong one, a hang, or a bug of ours.
 */
import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { DeadlineError, PeerError } from '../../src/errors.ts'
import { deadline } from '../support/deadline.ts'
import { host } from '../support/rsync-client.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'
import { parseWire, Recording, replayed } from '../vectors/recording.ts'
import { play, SCENARIOS, TREE } from '../vectors/scenarios.ts'

const NAMES = ['paths-zstd', 'tree-zlibx-delta', 'names-protocol-30']

for (const name of NAMES) {
  test(`${name}: each byte of the daemon altered`, async () => {
    const scenario = SCENARIOS.find((one) => one.name === name)
    assert.ok(scenario)
    const text = readFileSync(`test/vectors/rsync-3.5.0-${name}.wire`, 'latin1')
    const length = lengthOf(text)
    const folder = scratch('altered')
    const outcomes = { right: 0, refused: 0, checksum: 0 }
    for (let at = 0; at < length; at++) {
      const recorded = parseWire(text)
      let offset = 0
      for (const { from, bytes } of recorded.flat()) {
        if (from !== '<') continue
        if (at >= offset && at < offset + bytes.length) {
          bytes[at - offset] = (bytes[at - offset] ?? 0) ^ (1 << (at % 8))
        }
        offset += bytes.length
      }
      const connections = recorded.map((pieces) => new Recording(pieces, () => 1000))
      const modules = { ...host, sockets: replayed(connections) }
      try {
        const files = await deadline(play(modules, 873, scenario, folder))
        for (const { result, name: file, content } of files.map((f) => f.outcome())) {
          assert.ok(result, `byte ${at}: nothing became of ${file}`)
          if ('failed' in result) outcomes.checksum++
          else {
            outcomes.right++
            assert.ok(Object.values(TREE).includes(content), `byte ${at}: a wrong ${file}`)
          }
        }
      } catch (error) {
        const expected =
          error instanceof PeerError ||
          error instanceof DeadlineError ||
          (error instanceof Error && error.message.endsWith('is not listed'))
        if (!expected)
          throw new Error(`byte ${at}: ${error instanceof Error ? error.stack : error}`)
        outcomes.refused++
      }
    }
    assert.ok(outcomes.refused > length / 3, JSON.stringify(outcomes))
  })
}

function lengthOf(text: string): number {
  let length = 0
  for (const { from, bytes } of parseWire(text).flat()) if (from === '<') length += bytes.length
  return length
}

test.run()
