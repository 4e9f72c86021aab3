/**
 * The network goes at any byte of a recorded session with a stock daemon, in either direction: the
 * session ends with an error about the peer, and what came before it is right or not there.
 */
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { systemError } from '../../runtime/emulator/disk/system-error.ts'
import { DeadlineError, isSystemError, PeerError } from '../../src/errors.ts'
import type { Sockets } from '../../src/host.ts'
import { deadline } from '../support/deadline.ts'
import { host } from '../support/rsync-client.ts'
import { scratch } from '../support/scratch.ts'
import { parseWire, Recording, replayed } from '../vectors/recording.ts'
import { play, SCENARIOS, TREE } from '../vectors/scenarios.ts'

/** Every byte where a session is short, else so many of them. */
const CUTS_MAX = 1500

type End = 'closed' | 'reset'

/** A line that is dead after so many bytes of one direction, of all connections together. */
function cutting(sockets: Sockets, direction: '<' | '>', bytesMax: number, end: End): Sockets {
  let bytes = 0
  const dead = (call: string) => systemError(call, undefined, 'EIO')
  return {
    ...sockets,
    async read(socket, buffer, offset, length, timeoutMs) {
      const left = direction === '<' ? bytesMax - bytes : length
      if (left <= 0 || (direction === '>' && bytes >= bytesMax)) {
        if (end === 'reset') throw dead('read')
        return 0
      }
      const count = await sockets.read(socket, buffer, offset, Math.min(left, length), timeoutMs)
      if (direction === '<') bytes += count
      return count
    },
    async write(socket, buffer, offset, length, timeoutMs) {
      if (direction === '>') {
        bytes += length
        if (bytes > bytesMax) throw dead('write')
      }
      await sockets.write(socket, buffer, offset, length, timeoutMs)
    },
  }
}

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
          const files = await deadline(play({ ...host, sockets }, 873, scenario, folder), 5000)
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
      // The last bytes of a session only say good-bye.
      assert.ok(outcomes.ended > outcomes.whole, JSON.stringify(outcomes))
    })
  }
}

test.run()
