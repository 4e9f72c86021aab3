/** The virtual clock and network against a peer in memory: all times to the millisecond. */

import * as assert from 'uvu/assert'
import { VirtualClock } from '../../runtime/emulator/virtual-clock.ts'
import { type Shape, UNSHAPED } from '../../runtime/emulator/virtual-line.ts'
import { type Peers, VirtualNetwork } from '../../runtime/emulator/virtual-network.ts'
import type { Stream } from '../../runtime/emulator/virtual-socket.ts'
import { isSystemError } from '../../src/errors.ts'
import { arrayOfBytes, bytesOfArray } from '../../src/text.ts'
import { deadline } from '../support/deadline.ts'
import { test } from '../support/suite.ts'

const ADDRESS = { family: 4 as const, address: '192.0.2.1', port: 873 }

/** Gives out what was put in, and keeps what came. */
class MemoryStream implements Stream {
  received = ''
  closed = false
  readonly pieces: (Uint8Array | undefined)[] = []
  #wake: () => void = () => {}

  give(text: string | undefined): void {
    this.pieces.push(text === undefined ? undefined : arrayOfBytes(text))
    this.#wake()
  }

  async read(): Promise<Uint8Array | undefined> {
    while (this.pieces.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.pieces.shift()
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.received += bytesOfArray(bytes)
  }

  shutdown(): void {}

  close(): void {
    this.closed = true
  }
}

interface Bench {
  clock: VirtualClock
  network: VirtualNetwork
  stream: MemoryStream
  socket: object
}

/** Runs a conversation to its end in virtual time; nothing of it may wait for real time. */
async function converse(
  shape: Partial<Shape>,
  talk: (bench: Bench) => Promise<void>,
  seed = 1,
): Promise<number> {
  const clock = new VirtualClock()
  const stream = new MemoryStream()
  const peers: Peers = { resolve: async () => [ADDRESS], connect: async () => stream }
  const network = new VirtualNetwork(clock, peers, { ...UNSHAPED, ...shape }, seed)
  let ended = false
  const all = async () => {
    try {
      const socket = await network.asHost.connect(ADDRESS, 5_000)
      await talk({ clock, network, stream, socket })
    } finally {
      ended = true
    }
  }
  const talking = all()
  talking.catch(() => {})
  assert.ok(await deadline(clock.pass(() => ended)), 'nothing was left that could happen')
  await talking
  return clock.nowMs()
}

async function readText({ network, socket }: Bench, timeoutMs = 60_000): Promise<string> {
  const buffer = new Uint8Array(1000)
  const count = await network.asHost.read(socket, buffer, 0, buffer.length, timeoutMs)
  return bytesOfArray(buffer.subarray(0, count))
}

function sendText({ network, socket }: Bench, text: string, timeoutMs = 60_000): Promise<void> {
  return network.asHost.write(socket, arrayOfBytes(text), 0, text.length, timeoutMs)
}

async function failsWith(code: string, promise: Promise<unknown>): Promise<void> {
  let thrown: unknown
  await promise.catch((error) => {
    thrown = error
  })
  assert.ok(isSystemError(thrown, code), `${code}, not ${thrown}`)
}

test('time stands still where nothing is waited for, and jumps where something is', async () => {
  const clock = new VirtualClock()
  let ended = false
  assert.is(clock.nowMs(), 0)
  const order: string[] = []
  clock.after(2_000, () => order.push(`second ${clock.nowMs()}`))
  clock.after(1_000, () => order.push(`first ${clock.nowMs()}`))
  const cancel = clock.after(1_500, () => order.push('never'))
  cancel()
  void clock.asHost.sleep(86_400_000).then(() => {
    ended = true
  })
  assert.ok(await deadline(clock.pass(() => ended)))
  assert.equal(order, ['first 1000', 'second 2000'])
  assert.is(clock.nowMs(), 86_400_000)
  assert.not.ok(await clock.pass(() => false), 'nothing is left')
})

test('without a shape nothing takes time', async () => {
  const elapsedMs = await converse({}, async (bench) => {
    await sendText(bench, 'question')
    assert.is(bench.stream.received, 'question')
    bench.stream.give('answer')
    bench.stream.give(undefined)
    assert.is(await readText(bench), 'answer')
    assert.is(await readText(bench), '')
  })
  assert.is(elapsedMs, 0)
})

test('latency and bandwidth add up, in order, alike for a seed', async () => {
  const talk = async (bench: Bench) => {
    await sendText(bench, 'q'.repeat(100))
    bench.stream.give('a'.repeat(500))
    bench.stream.give('b'.repeat(500))
    let got = ''
    while (got.length < 1000) got += await readText(bench)
    assert.is(got, 'a'.repeat(500) + 'b'.repeat(500))
  }
  const shape = { latencyMs: 100, bytesPerSecond: 1000 }
  const [one, again, other] = [
    await converse(shape, talk),
    await converse(shape, talk),
    await converse(shape, talk, 2),
  ]
  // Connecting is two ways; 100 bytes leave in 100 ms; 1000 bytes come in 1 s and one way.
  assert.ok(one >= 200 + 100 + 1000 + 100 && one <= 1400 + 10, `${one} ms`)
  assert.is(one, again)
  assert.is.not(one, other)
})

test('nothing overtakes, also while time follows the clock of the machine', async () => {
  const sent = Array.from({ length: 200 }, (_, index) => `${index} `)
  await converse({ latencyMs: 50 }, async (bench) => {
    const done = bench.clock.follow()
    for (const text of sent) bench.stream.give(text)
    let got = ''
    while (got.length < sent.join('').length) got += await readText(bench)
    done()
    assert.is(got, sent.join(''))
  })
})

test('a cut comes after its byte, and once', async () => {
  await converse({ cutAfter: 6 }, async (bench) => {
    bench.stream.give('1234')
    bench.stream.give('5678')
    let got = ''
    while (got.length < 6) got += await readText(bench)
    assert.is(got, '123456')
    await failsWith('ECONNRESET', readText(bench))
    await failsWith('EPIPE', sendText(bench, 'x'))
    assert.ok(bench.stream.closed)
    assert.equal(bench.network.line.events, ['cut after byte 6'])
  })
})

test('a stalled peer takes and gives nothing, and only time-outs tell', async () => {
  const elapsedMs = await converse({ stallAfter: 3 }, async (bench) => {
    bench.stream.give('12345')
    assert.is(await readText(bench), '123')
    await sendText(bench, 'lost')
    assert.is(bench.stream.received, '')
    await failsWith('ETIMEDOUT', readText(bench, 30_000))
    await failsWith('ETIMEDOUT', sendText(bench, 'x'.repeat(200_000), 7_000))
  })
  assert.is(elapsedMs, 37_000)
})

test('a close ends what waits', async () => {
  await converse({}, async (bench) => {
    const waiting = readText(bench)
    bench.network.asHost.close(bench.socket)
    await failsWith('ECANCELED', waiting)
    bench.network.asHost.close(bench.socket)
  })
})

test.run()
