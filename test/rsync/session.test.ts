/**
 * What a session makes of a daemon that says why and goes, of answers that come broken, and of silence, over a
 * clock that jumps. What daemons do on purpose to harm is in test/hostile.
 */

import * as assert from 'uvu/assert'
import { systemError } from '../../runtime/emulator/disk/system-error.ts'
import { VirtualClock } from '../../runtime/emulator/virtual-clock.ts'
import { ConfigError, PeerError } from '../../src/errors.ts'
import type { Sockets } from '../../src/host.ts'
import { Pace, Session, type SessionOptions } from '../../src/rsync/session.ts'
import { deadline } from '../support/deadline.ts'
import { AGREED, frame, hex, latin } from '../support/peer-bytes.ts'
import { rejects } from '../support/rejects.ts'
import { Fetched, host, optionsFor } from '../support/rsync-client.ts'
import { scratch } from '../support/scratch.ts'
import { suite } from '../support/suite.ts'

const test = suite('an rsync session')
const NOTHING = '00000000 00000000 00000000 00000000'
const WORDS = frame(3, latin('out of memory\n'))

const entry = (name: string) =>
  Buffer.concat([
    hex(`01 ${name.length.toString(16).padStart(2, '0')}`),
    latin(name),
    hex('000500 69013557 a4810000'),
  ])
const listOf = (names: string[]) =>
  Buffer.concat([AGREED, frame(0, Buffer.concat([...names.map(entry), hex('0000')]))])
const LIST = listOf(['latest'])
/** The file "hello", and the checksum of another one. */
const BROKEN = frame(
  0,
  Buffer.concat([
    hex(`01 0080 ${NOTHING} 05000000`),
    latin('hello'),
    hex('00000000 00000000 00000000 00000000 00000000'),
  ]),
)

type Daemon = ReturnType<typeof daemonThat>
/** Bytes that the daemon says; then it hangs up, unless it resets the connection, or says no more and stays. */
type Step = Buffer | 'reset' | 'silence'

function daemon(...steps: Step[]): Daemon {
  return daemonThat(() => {}, ...steps)
}

/** `takes` may throw for what is written to it. */
function daemonThat(takes: () => void, ...steps: Step[]) {
  const time = new VirtualClock()
  const rest = [...steps]
  const sent: Buffer[] = []
  const sockets = {
    resolve: async () => [{ family: 4, address: '127.0.0.1', port: 873 }],
    connect: async () => ({}),
    async read(_: object, buffer: Uint8Array, offset: number, length: number, timeoutMs: number) {
      const next = rest.shift()
      if (next === 'silence') {
        rest.unshift(next)
        await time.asHost.sleep(timeoutMs)
      }
      if (typeof next === 'string') {
        const code = next === 'reset' ? 'ECONNRESET' : 'ETIMEDOUT'
        throw systemError('read', undefined, code)
      }
      const count = Math.min(length, next?.length ?? 0)
      if (next) buffer.set(next.subarray(0, count), offset)
      if (next && count < next.length) rest.unshift(next.subarray(count))
      return count
    },
    async write(_: object, buffer: Uint8Array, offset: number, length: number) {
      takes()
      sent.push(Buffer.from(buffer.slice(offset, offset + length)))
    },
    shutdown: () => {},
    close: () => {},
  } as unknown as Sockets
  return { modules: { ...host, sockets, clock: time.asHost }, time, sent }
}

const OPTIONS = optionsFor(873, { kind: 'paths', paths: ['latest'] }, { timeoutMs: 60_000 })
const folder = scratch('session')

/** Asks for the files, each of at most 5 bytes. Time passes as it is waited for. */
async function fetched(
  { modules, time }: Daemon,
  files: Fetched[],
  options: SessionOptions = OPTIONS,
): Promise<void> {
  const work = async () => {
    const session = await Session.open(modules, options)
    try {
      await session.fetch(files.map((file) => file.wanted(5)))
      await session.finish()
    } finally {
      session.close()
    }
  }
  let isOver = false
  const working = work().finally(() => {
    isOver = true
  })
  void time.pass(() => isOver)
  await deadline(working)
}

async function failure(peer: Daemon, options = OPTIONS): Promise<PeerError> {
  const file = new Fetched('latest', folder)
  const error = await rejects(fetched(peer, [file], options))
  assert.instance(error, PeerError, error.stack ?? '')
  assert.is(file.result, undefined)
  return error as PeerError
}

test('words before the list are a refusal, whether the daemon then hangs up or resets', async () => {
  for (const steps of [[], ['reset'] as const]) {
    const refused = await failure(daemon(AGREED, WORDS, ...steps))
    assert.is(refused.kind, 'refused')
    assert.match(refused.message, /the connection was cut.* it said: out of memory$/)
  }
  const gaveUp = await failure(daemon(AGREED, WORDS, frame(86, hex('01000000'))))
  assert.is(gaveUp.kind, 'refused')
  assert.match(gaveUp.message, /the daemon gave up .* it said: out of memory$/)
})

test('without words, or once it serves, it is a cut', async () => {
  for (const steps of [[AGREED], [AGREED, 'reset'], [LIST, WORDS], [LIST, WORDS, 'reset']]) {
    const cut = await failure(daemon(...(steps as Step[])))
    assert.is(cut.kind, 'cut')
  }
  assert.is((await failure(daemon(LIST, WORDS, frame(86, hex('01000000'))))).kind, 'broken')
})

test('a daemon that takes no more is heard to its end: it may have said why', async () => {
  const closed = () => {
    throw Object.assign(new Error('EPIPE'), { name: 'SystemError', call: 'write', code: 'EPIPE' })
  }
  const refused = await failure(daemonThat(closed, AGREED, WORDS, 'reset'))
  assert.is(refused.kind, 'refused')
  assert.match(refused.message, /it said: out of memory$/)
})

test('what comes is held to the cap, whatever it is', async () => {
  const pace = new Pace(() => 1000)
  const words = frame(2, Buffer.alloc(8000, 'x'))
  const peer = daemon(LIST, words, words, words)
  const error = await rejects(fetched(peer, [new Fetched('latest', folder)], { ...OPTIONS, pace }))
  assert.ok(peer.time.nowMs() > 20_000, `24,000 bytes in ${peer.time.nowMs()} ms: ${error}`)
})

test('a file that came broken is given up when the session ends before its second try', async () => {
  const file = new Fetched('latest', folder)
  const error = await rejects(fetched(daemon(LIST, BROKEN), [file]))
  assert.is((error as PeerError).kind, 'cut')
  assert.ok(file.abandoned)
})

test('so many files that came broken are no accident', async () => {
  const names = Array.from({ length: 251 }, (_, i) => `file-${String(i).padStart(3, '0')}`)
  const selection = { kind: 'tree', under: '' } as const
  const answers = names.map(() => BROKEN)
  const files = names.map((name) => new Fetched(name, folder))
  const peer = daemon(listOf(names), ...answers, 'silence')
  const error = await rejects(fetched(peer, files, { ...OPTIONS, selection }))
  assert.match(error.message, /more than 250 files that differ from their checksums/)
  assert.is((error as PeerError).kind, 'broken')
  assert.ok(files.every(({ abandoned }, index) => abandoned || index === 250))
})

test('a daemon that never says goodbye is left after a moment, and nothing is lost', async () => {
  const hello = Buffer.concat([BROKEN.subarray(0, -16), hex('5d41402abc4b2a76b9719d911017c592')])
  // The least rate is one of files, and a goodbye is none.
  for (const rate of [{}, { rateMin: { bytesPerSecond: 1000, windowMs: 300 } }]) {
    const file = new Fetched('latest', folder)
    const peer = daemon(LIST, hello, 'silence')
    await fetched(peer, [file], { ...OPTIONS, ...rate })
    assert.equal(file.result && 'size' in file.result && file.result.size, 5)
    assert.is(peer.time.nowMs(), 5000)
  }
})

/** Empty frames of data: all that goes out after the requests. */
const keepAlives = ({ sent }: Daemon) =>
  sent.filter((bytes) => bytes.equals(hex('00000007'))).length

test('we are heard from twice within our time-out, and within a shorter one of the daemon', async () => {
  const ours = daemon(LIST, 'silence')
  await rejects(fetched(ours, [new Fetched('latest', folder)]), /no byte for/)
  assert.is(keepAlives(ours), 2)
  const theirs = daemon(LIST, frame(33, hex('14000000')), 'silence')
  await rejects(fetched(theirs, [new Fetched('latest', folder)]), /no byte for/)
  assert.is(keepAlives(theirs), 6)
  const wrong = daemon(LIST, frame(33, hex('00000000')), 'silence')
  await rejects(fetched(wrong, [new Fetched('latest', folder)]), /no byte for/)
  assert.is(keepAlives(wrong), 2)
})

test('names that would break the lines of the handshake never get there', async () => {
  for (const address of [{ module: 'a\nb' }, { module: '#list' }, { module: 'a/b' }]) {
    const options = { ...OPTIONS, address: { ...OPTIONS.address, ...address } }
    const error = await rejects(
      fetched(daemon(), [], options),
      /can't be the name of an rsync module/,
    )
    assert.instance(error, ConfigError)
  }
  for (const user of ['a b', 'a\nb', '#a', '']) {
    const options = { ...OPTIONS, address: { ...OPTIONS.address, user, password: 'x' } }
    const error = await rejects(
      fetched(daemon(), [], options),
      /can't be the name of an rsync user/,
    )
    assert.instance(error, ConfigError)
  }
})

test.run()
