/**
 * Rsync daemons that hold a laptop for as long as they can, each by its name, over a clock that runs a
 * second with each read. All end within the patience that docs/OPERATING.md promises.
 */

import * as assert from 'uvu/assert'
import { attackIn } from '../../src/attacks.ts'
import { DeadlineError, PeerError } from '../../src/errors.ts'
import type { Clock, Sockets } from '../../src/host.ts'
import { Session, type SessionOptions } from '../../src/rsync/session.ts'
import { deadline } from '../support/deadline.ts'
import { AGREED, frame, hex, latin, WELCOME } from '../support/peer-bytes.ts'
import { rejects } from '../support/rejects.ts'
import { Fetched, host, optionsFor } from '../support/rsync-client.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

const folder = scratch('slow')
const entry = (name: string, size = '0040') =>
  Buffer.concat([
    hex(`01 ${name.length.toString(16).padStart(2, '0')}`),
    latin(name),
    hex(`00${size} 69013557 a4810000`),
  ])
const LIST = Buffer.concat([AGREED, frame(0, Buffer.concat([entry('latest'), hex('0000')]))])
const NOTHING = '00000000 00000000 00000000 00000000'
const HEAD = frame(0, hex(`01 0080 ${NOTHING}`))

/** A daemon that says `first` at once, and then one piece of `more` a second, without end. */
function dripping(first: Buffer, more: () => Buffer) {
  let nowMs = 0
  let rest = first
  const clock: Clock = { ...host.clock, monotonicMs: () => nowMs, sleep: async () => {} }
  const sockets = {
    resolve: async () => [{ family: 4, address: '127.0.0.1', port: 873 }],
    connect: async () => ({}),
    read: async (_: object, buffer: Uint8Array, offset: number, length: number) => {
      if (rest.length === 0) {
        nowMs += 1000
        rest = more()
      }
      const count = Math.min(length, rest.length)
      buffer.set(rest.subarray(0, count), offset)
      rest = rest.subarray(count)
      // Gives the test's deadline a turn.
      await new Promise((resolve) => setImmediate(resolve))
      return count
    },
    write: async () => {},
    close: () => {},
  } as unknown as Sockets
  return { modules: { ...host, clock, sockets }, seconds: () => nowMs / 1000 }
}

async function held(
  first: Buffer,
  more: () => Buffer,
  special: Partial<Pick<SessionOptions, 'selection' | 'compression'>> & { size?: number } = {},
): Promise<{ error: Error; seconds: number }> {
  const { modules, seconds } = dripping(first, more)
  const rateMin = { bytesPerSecond: 64, windowMs: 600_000 }
  const latest = { kind: 'paths', paths: ['latest'] } as const
  // What the manifest allows for the one file (bytes).
  const { size = 1e9, ...others } = special
  const options = { ...optionsFor(873, latest, { rateMin }), ...others }
  const work = async () => {
    const open = await Session.open(modules, { ...options, timeoutMs: 60_000 })
    const file = new Fetched('latest', folder)
    try {
      await open.fetch([file.wanted(size)])
    } finally {
      open.close()
      file.close()
    }
  }
  return { error: await deadline(rejects(work(), /rsync:/)), seconds: seconds() }
}

/** Something that never ends, so many bytes at a time. */
function piecesOf(endless: () => Buffer, length: number): () => Buffer {
  let rest = Buffer.alloc(0)
  return () => {
    if (rest.length === 0) rest = Buffer.from(endless())
    const piece = rest.subarray(0, length)
    rest = rest.subarray(length)
    return piece
  }
}
const bytesOf = (endless: () => Buffer) => piecesOf(endless, 1)

let count = 0
const DRIPS: [string, Buffer, () => Buffer, number][] = [
  ['greeting-dripped', Buffer.alloc(0), bytesOf(() => latin('@RSYNCD: 31.0 x')), 60],
  ['greeting-of-many-lines', latin('@RSYNCD: 31.0\n'), () => latin('Welcome!\n'), 60],
  ['keep-alives-in-the-list', AGREED, () => frame(0, Buffer.alloc(0)), 60],
  ['words-in-the-list', AGREED, () => frame(2, latin('Please wait ...\n')), 60],
  ['list-entry-dripped', AGREED, bytesOf(() => frame(0, entry('x'.repeat(200)))), 600],
  ['keep-alives-in-the-content', LIST, () => frame(0, Buffer.alloc(0)), 60],
  ['no-operations-in-the-content', LIST, () => frame(42, Buffer.alloc(0)), 60],
  ['words-in-the-content', LIST, () => frame(3, latin(`file ${count++} has vanished\n`)), 60],
  ['content-dripped', Buffer.concat([LIST, HEAD]), () => frame(0, hex('01000000 61')), 600],
]

for (const [name, first, more, most] of DRIPS) {
  test(`${name} ends in ${most} seconds, and is named`, async () => {
    const { error, seconds } = await held(first, more)
    assert.instance(error, DeadlineError, error.stack ?? '')
    assert.is(attackIn(error.message), 'slow', error.message)
    assert.ok(seconds <= most + 1, `${seconds} s: ${error.message}`)
  })
}

test('empty-pieces-in-the-content: what holds nothing is no content', async () => {
  const agreed = hex('81fe 03 6d6435 05 7a6c696278 00000000')
  const first = Buffer.concat([WELCOME, agreed, LIST.subarray(AGREED.length), HEAD])
  const pieces = hex('4000'.repeat(1000))
  const { error, seconds } = await held(first, () => frame(0, pieces), {
    compression: 'zlibx',
    size: 16_384,
  })
  assert.is(attackIn(error.message), 'slow', error.message)
  // As many bytes as the content may take on the wire are worth something.
  assert.ok(seconds <= 75, `${seconds} s: ${error.message}`)
})

test('long-names-in-the-list: an entry is worth no more than one of usual length', async () => {
  // As long as what comes, or the list would be refused for the bytes of its names.
  const names = Array.from({ length: 1000 }, (_, i) => `name-${i}`.padEnd(250, 'x'))
  const selection = { kind: 'files-from', under: '', names } as const
  let made = 0
  const long = () => frame(0, entry(`${made++}`.padStart(250, 'x')))
  // Above the least rate by their number, and below it by what they are worth.
  const endless = piecesOf(long, 66)
  const { error, seconds } = await held(AGREED, endless, { selection })
  assert.is(attackIn(error.message), 'slow', error.message)
  // What was asked for is as long as a list of ten minutes, and sending it was useful work.
  assert.ok(seconds <= 1201, `${seconds} s: ${error.message}`)
})

test('list-of-more-names-than-asked ends at once', async () => {
  const names = () => Buffer.concat(Array.from({ length: 100 }, (_, i) => entry(`x${i}`)))
  const { error, seconds } = await held(AGREED, () => frame(0, names()))
  assert.instance(error, PeerError, error.stack ?? '')
  assert.match(error.message, /more than 9 entries/)
  assert.ok(seconds <= 2, `${seconds} s`)
  const selection = { kind: 'files-from', under: '', names: ['latest'] } as const
  const named = await held(AGREED, () => frame(0, names()), { selection })
  assert.match(named.error.message, /a file list of more than the \d+ entries that were asked for/)
  assert.ok(named.seconds <= 2, `${named.seconds} s`)
})

test.run()
