/** TCP and UDP between machines over the air, against what the model says that they cost. */

import * as assert from 'uvu/assert'
import { exchangeUs, ofTcp } from '../../runtime/emulator/radio/air-time.ts'
import { Place } from '../../runtime/emulator/radio/medium.ts'
import { Station } from '../../runtime/emulator/radio/mesh.ts'
import { Radio } from '../../runtime/emulator/radio/radio.ts'
import { VirtualClock } from '../../runtime/emulator/virtual-clock.ts'
import { UNSHAPED } from '../../runtime/emulator/virtual-line.ts'
import { VirtualNetwork } from '../../runtime/emulator/virtual-network.ts'
import { isSystemError } from '../../src/errors.ts'
import type { Sockets } from '../../src/host.ts'
import { arrayOfBytes, bytesOfArray } from '../../src/text.ts'
import { deadline } from '../support/deadline.ts'
import { test } from '../support/suite.ts'

const DIFS_US = 50
const SEGMENT_BYTES = 1448
const FOREVER_MS = 1e9
const PORT = 873

/** So many stations in a row, each a hop from the next, with the network that each finds. */
function row(count: number, weight = 1) {
  const clock = new VirtualClock()
  const places = Array.from({ length: count }, () => new Place())
  places.forEach((place, index) => {
    const next = places[index + 1]
    if (next) place.nextTo(next)
  })
  const radio = new Radio({ clock, places, seed: 1, weight })
  const stations = places.map((place, index) =>
    radio.add(new Station(`s${index}`, { place, x: 45 * index, y: 0 })),
  )
  const sockets = stations.map(
    (station) => new VirtualNetwork(clock, radio.peersOf(station), UNSHAPED, 1).asHost,
  )
  return { clock, radio, stations, sockets }
}

type Row = ReturnType<typeof row>

async function inTime({ clock }: Row, work: () => Promise<unknown>): Promise<void> {
  let ended = false
  const done = work().finally(() => {
    ended = true
  })
  done.catch(() => {})
  assert.ok(await deadline(clock.pass(() => ended)), 'nothing was left that could happen')
  await done
  await clock.pass(() => false)
}

async function readAll(sockets: Sockets, socket: object, timeoutMs = FOREVER_MS): Promise<string> {
  const buffer = new Uint8Array(64 * 1024)
  let text = ''
  for (;;) {
    const count = await sockets.read(socket, buffer, 0, buffer.length, timeoutMs)
    if (count === 0) return text
    text += bytesOfArray(buffer.subarray(0, count))
  }
}

const at = <T>(list: T[], place: number): T => list.at(place) as T

/** The last station sends so many bytes to whoever connects. */
async function transfer(school: Row, text: string): Promise<string> {
  const [client, server] = [at(school.sockets, 0), at(school.sockets, -1)]
  const listener = server.listen({ host: '::', port: PORT }, 5)
  let got = ''
  await inTime(school, async () => {
    const serve = async () => {
      const { socket, peer } = await server.accept(listener)
      assert.is(peer?.address, school.radio.addressOf(at(school.stations, 0)))
      await server.write(socket, arrayOfBytes(text), 0, text.length, FOREVER_MS)
      server.shutdown(socket)
      await readAll(server, socket)
      server.close(socket)
    }
    const serving = serve()
    const [address] = await client.resolve(at(school.stations, -1).name, PORT)
    assert.ok(address)
    const socket = await client.connect(address, 5_000)
    got = await readAll(client, socket)
    client.close(socket)
    await serving
  })
  return got
}

test('a stream arrives whole, and costs its segments and half as many acknowledgements a hop', async () => {
  const segments = 1000
  const text = 'abcdefg'.repeat(segments * SEGMENT_BYTES).slice(0, segments * SEGMENT_BYTES)
  for (const hops of [1, 3]) {
    const school = row(hops + 1)
    school.radio.mesh.medium.chance = () => false
    assert.ok((await transfer(school, text)) === text)
    const { use } = school.radio.mesh.medium
    const ackUs = DIFS_US + exchangeUs(ofTcp(0), 11)
    const dataUs = DIFS_US + exchangeUs(ofTcp(SEGMENT_BYTES), 11)
    const expectedUs = hops * segments * (dataUs + ackUs / 2)
    const share = use.airUs / expectedUs
    // Connecting and closing, and what collides: both directions share the air.
    assert.ok(share >= 1 && share <= 1.12, `${hops} hops: ${share}`)
    assert.is(use.dropped, 0)
  }
})

test('a weight makes each byte cost that many', async () => {
  const one = row(2)
  const ten = row(2, 10)
  await transfer(one, 'x'.repeat(1_440_000))
  await transfer(ten, 'x'.repeat(144_000))
  const share = ten.radio.mesh.medium.use.airUs / one.radio.mesh.medium.use.airUs
  assert.ok(Math.abs(share - 1) < 0.03, `${share}`)
})

test('what the radio gives up is sent again, until all is there', async () => {
  const school = row(2)
  const { medium } = school.radio.mesh
  let count = 0
  // Bursts that outlast seven retries.
  medium.chance = () => count++ % 200 < 20
  const text = 'x'.repeat(400_000)
  assert.ok((await transfer(school, text)) === text)
  assert.ok(medium.use.dropped > 0)
})

test('a port where nobody listens refuses, and a machine that is off is silent', async () => {
  const school = row(2)
  const [client] = school.sockets
  const address = {
    family: 4 as const,
    address: school.radio.addressOf(at(school.stations, 1)),
    port: 1,
  }
  const fails = async (code: string) => {
    const error: unknown = await client?.connect(address, 9_000).catch((thrown) => thrown)
    assert.ok(isSystemError(error, code), `${error}`)
  }
  await inTime(school, async () => {
    await fails('ECONNREFUSED')
    school.radio.switchOff(at(school.stations, 1))
    const beforeMs = school.clock.nowMs()
    await fails('ETIMEDOUT')
    assert.is(school.clock.nowMs() - beforeMs, 9_000)
  })
})

test('whoever loses a peer hears of it by its own time-out, and the peer forgets', async () => {
  const school = row(2)
  const [client, server] = [at(school.sockets, 0), at(school.sockets, 1)]
  const listener = server.listen({ host: '::', port: PORT }, 5)
  await inTime(school, async () => {
    const accepting = server.accept(listener)
    const address = school.radio.addressOf(at(school.stations, 1))
    const socket = await client.connect({ family: 4, address, port: PORT }, 5_000)
    await accepting
    school.radio.switchOff(at(school.stations, 1))
    const error: unknown = await readAll(client, socket, 30_000).catch((thrown) => thrown)
    assert.ok(isSystemError(error, 'ETIMEDOUT'), `${error}`)
    school.radio.mesh.switchOn(at(school.stations, 1))
    await client.write(socket, arrayOfBytes('x'), 0, 1, 1_000)
    const after: unknown = await readAll(client, socket, 30_000).catch((thrown) => thrown)
    assert.ok(isSystemError(after, 'ECONNRESET'), `${after}`)
  })
})

test('a datagram to all reaches whoever listens at its port, and one to a group who is in it', async () => {
  const school = row(3)
  const [asks, ...others] = school.sockets
  const options = { family: 4 as const, host: '0.0.0.0', port: 7000, broadcast: true }
  const heard: string[] = []
  await inTime(school, async () => {
    assert.ok(asks)
    const mine = asks.openDatagram({ ...options, port: 0, groups: [] })
    const listening = others.map(async (sockets, index) => {
      const datagram = sockets.openDatagram({
        ...options,
        groups: index === 0 ? ['239.1.1.1'] : [],
      })
      const buffer = new Uint8Array(100)
      for (;;) {
        const { length, from } = await sockets.receiveDatagram(datagram, buffer, 10_000)
        heard.push(`${index} ${bytesOfArray(buffer.subarray(0, length))} ${from.port}`)
      }
    })
    const send = async (address: string, text: string) => {
      await asks.sendDatagram(mine, { family: 4, address, port: 7000 }, arrayOfBytes(text), 0, 3)
      await school.clock.asHost.sleep(1_000)
    }
    const [own] = asks.interfaces()
    await send(own?.addresses[0]?.broadcast ?? '', 'all')
    await send('239.1.1.1', 'grp')
    await send(school.radio.addressOf(at(school.stations, 2)), 'one')
    await Promise.allSettled(listening)
    const port = asks.localPort(mine)
    assert.equal(heard, [`0 all ${port}`, `1 all ${port}`, `0 grp ${port}`, `1 one ${port}`])
  })
})

test.run()
