/** One connection: keep-alives, deadlines, and pieces of writes that block. */

import * as assert from 'uvu/assert'
import { systemError } from '../../runtime/emulator/disk/system-error.ts'
import { VirtualClock } from '../../runtime/emulator/virtual-clock.ts'
import { DeadlineError } from '../../src/errors.ts'
import type { Sockets } from '../../src/host.ts'
import { Incoming } from '../../src/rsync/incoming.ts'
import { Pace } from '../../src/rsync/pace.ts'
import { Wire, type WireOptions } from '../../src/rsync/wire.ts'
import { deadline } from '../support/deadline.ts'
import { rejects } from '../support/rejects.ts'
import { test } from '../support/suite.ts'

/** Passes while a wire waits. */
const time = new VirtualClock()
const clock = time.asHost

const timedOut = () => systemError('read', undefined, 'ETIMEDOUT')

/** A peer that never says anything; `write` decides how long a write blocks. */
async function silent(more: Partial<WireOptions> = {}, write = async () => {}) {
  const sent: Buffer[] = []
  let reads = 0
  const sockets: Partial<Sockets> = {
    resolve: async () => [{ family: 4, address: '127.0.0.1', port: 873 }],
    connect: async () => ({}),
    read: async (_socket, _buffer, _offset, _length, timeoutMs) => {
      reads++
      await clock.sleep(timeoutMs)
      throw timedOut()
    },
    write: async (_socket, buffer, offset, length) => {
      sent.push(Buffer.from(buffer.slice(offset, offset + length)))
      await write()
    },
    shutdown: () => {},
    close: () => {},
  }
  const options = { peer: 'rsync://h:873/m', host: 'h', port: 873, ...more }
  const wire = await Wire.connect(
    { sockets: sockets as Sockets, clock },
    { connectTimeoutMs: 1000, timeoutMs: 150, ...options },
    new Incoming(() => {}),
  )
  return { wire, sent, reads: () => reads }
}

/** Waits until the wire gives up. */
async function end(wire: Wire): Promise<Error> {
  const waiting = async () => {
    for (;;) await wire.wait()
  }
  let isOver = false
  const ended = rejects(waiting()).finally(() => {
    isOver = true
  })
  void time.pass(() => isOver)
  return deadline(ended)
}

test('silence ends the session, in time and with the reason', async () => {
  const { wire, sent } = await silent()
  wire.phase = 'reading'
  const began = clock.monotonicMs()
  const error = await end(wire)
  const tookMs = clock.monotonicMs() - began
  assert.instance(error, DeadlineError)
  assert.match(
    error.message,
    /^rsync:\/\/h:873\/m: no byte for \d+ ms \(150 allowed\) while reading/,
  )
  assert.is(tookMs, 150)
  assert.is(sent.length, 0)
})

test('who has nothing to say sends keep-alives', async () => {
  const { wire, sent } = await silent({ timeoutMs: 100_000 })
  wire.outgoing.beginFrames()
  wire.keepAliveMs = 20
  wire.patience.deadlineMs = clock.monotonicMs() + 300
  const error = await end(wire)
  assert.match(error.message, /not done in time/)
  assert.ok(sent.length >= 3 && sent.length <= 16, `${sent.length} keep-alives`)
  for (const frame of sent) assert.is(frame.toString('hex'), '00000007')
})

test('a write that moves slowly is no silence, and never has a second one beside it', async () => {
  let writing = 0
  const { wire, sent } = await silent({}, async () => {
    assert.is(++writing, 1)
    await clock.sleep(60)
    writing--
  })
  wire.outgoing.bytes(new Uint8Array(5 * 16 * 1024))
  const began = clock.monotonicMs()
  await end(wire)
  assert.ok(clock.monotonicMs() - began >= 5 * 60 + 100)
  assert.is(Buffer.concat(sent).length, 5 * 16 * 1024)
})

test('behind a write that is not taken nobody looks for a keep-alive all the time', async () => {
  const { wire, sent, reads } = await silent(
    { timeoutMs: 100_000 },
    () => new Promise<never>(() => {}),
  )
  wire.outgoing.beginFrames()
  wire.keepAliveMs = 20
  wire.outgoing.bytes(new Uint8Array(10))
  wire.patience.deadlineMs = clock.monotonicMs() + 3000
  assert.match((await end(wire)).message, /not done in time/)
  assert.is(sent.length, 1)
  assert.ok(reads() <= 3000 / 10 + 2, `${reads()} reads`)
})

test('what ends during a pause for the cap ends the wait, as does what ends before', async () => {
  const writing = async () => clock.sleep(100)
  const pace = new Pace(() => 1024)
  pace.pauseMs(clock.monotonicMs())
  pace.used(3000)
  for (const capped of [{ pace }, {}]) {
    const { wire } = await silent({ timeoutMs: 60_000, ...capped }, writing)
    wire.outgoing.bytes(new Uint8Array(10))
    const beganMs = clock.monotonicMs()
    let isOver = false
    const waiting = wire.wait().finally(() => {
      isOver = true
    })
    void time.pass(() => isOver)
    await deadline(waiting)
    assert.ok(clock.monotonicMs() - beganMs <= 600)
    wire.close()
  }
})

test('the rate counts only where it is asked for', async () => {
  const rateMin = { bytesPerSecond: 1000, windowMs: 50 }
  const { wire } = await silent({ rateMin })
  assert.match((await end(wire)).message, /no byte for/)
  const { wire: measured } = await silent({ rateMin })
  measured.patience.measures = true
  assert.match(
    (await end(measured)).message,
    /: slow: 0 useful bytes per second over .* s \(at least 1000 wanted\)/,
  )
})

test.run()
