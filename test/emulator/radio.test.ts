/**
 * The radio against closed formulas: what one station, several, a chain of hops, a lossy link and
 * multicast must cost. The formulas stand here with the standard's own numbers.
 */

import * as assert from 'uvu/assert'
import {
  classAt,
  exchangeUs,
  frameUs,
  lossAt,
  type RateClass,
} from '../../runtime/emulator/radio/air-time.ts'
import { Medium, Place, Sender } from '../../runtime/emulator/radio/medium.ts'
import { Mesh, Station } from '../../runtime/emulator/radio/mesh.ts'
import { test } from '../support/suite.ts'

const PACKET_BYTES = 1500
const FRAMES = 20_000
/** Preamble, 40 + 8 bytes of headers and the packet at 11 Mbit/s, SIFS, and an ACK of 14 bytes at 2. */
const DATA_US = 192 + Math.ceil((8 * (40 + 8 + PACKET_BYTES)) / 11)
const EXCHANGE_US = DATA_US + 10 + 192 + 56
const DIFS_US = 50
const SLOT_US = 20

function near(found: number, expected: number, share: number, what: string): void {
  const off = Math.abs(found / expected - 1)
  assert.ok(off <= share, `${what}: ${found} is ${(off * 100).toFixed(2)} % off ${expected}`)
}

function run(medium: Medium): void {
  while (medium.nextUs < Infinity) medium.step()
}

/** So many stations in one place, each with so many frames for a receiver there. */
function saturate(stations: number, frames: number, loss: number, seed = 1) {
  const place = new Place()
  const medium = new Medium([place], seed)
  const station = new Sender(place)
  let arrived = 0
  const done = (there: boolean) => {
    if (there) arrived++
  }
  const to = { station, rate: 11 as RateClass, loss }
  for (let one = 0; one < stations; one++) {
    const sender = new Sender(place)
    for (let n = 0; n < frames; n++) {
      medium.send(sender, { packetBytes: PACKET_BYTES, to, done })
    }
  }
  return { medium, place, arrived: () => arrived }
}

test('frames take what the standard says', () => {
  assert.is(frameUs(PACKET_BYTES, 11), DATA_US)
  assert.is(exchangeUs(PACKET_BYTES, 11), EXCHANGE_US)
  assert.is(exchangeUs(40, 2), 192 + (8 * 88) / 2 + 10 + 248)
  assert.equal([0, 50, 51, 90, 91].map(classAt), [11, 11, 2, 2, undefined])
  assert.is(lossAt(0, 11), 0.01)
  near(lossAt(50, 11), 0.2, 1e-9, 'loss at the edge')
  assert.ok(lossAt(40, 11) < lossAt(45, 11))
})

test('one station saturates the medium at the theoretical maximum throughput', () => {
  const { medium, place, arrived } = saturate(1, FRAMES, 0)
  run(medium)
  assert.is(arrived(), FRAMES)
  assert.is(medium.use.airUs, FRAMES * (DIFS_US + EXCHANGE_US))
  assert.is(place.busyUs, medium.use.airUs)
  // The backoff of one station is half the least window in the mean.
  near(medium.nowUs / FRAMES, DIFS_US + 15.5 * SLOT_US + EXCHANGE_US, 0.002, 'microseconds a frame')
})

test('a loss of p costs 1 / (1 - p) transmissions, cut off after seven retries', () => {
  for (const loss of [0.1, 0.5]) {
    const { medium, arrived } = saturate(1, FRAMES, loss)
    run(medium)
    near(medium.use.frames / FRAMES, (1 - loss ** 8) / (1 - loss), 0.01, `transmissions at ${loss}`)
    near(arrived() / FRAMES, 1 - loss ** 8, 0.003, `arrived at ${loss}`)
    assert.is(arrived() + medium.use.dropped, FRAMES)
  }
})

/**
 * Bianchi, "Performance Analysis of the IEEE 802.11 Distributed Coordination Function" (2000), with its
 * fixed point found by halving: how long the medium takes for each frame that arrives.
 */
function bianchiUs(stations: number): number {
  const [least, doublings] = [32, 5]
  const transmits = (p: number) =>
    (2 * (1 - 2 * p)) / ((1 - 2 * p) * (least + 1) + p * least * (1 - (2 * p) ** doublings))
  let [low, high] = [0, 0.999]
  for (let step = 0; step < 100; step++) {
    const p = (low + high) / 2 + 1e-12
    if (1 - (1 - transmits(p)) ** (stations - 1) > p) low = p
    else high = p
  }
  const tau = transmits(low)
  const some = 1 - (1 - tau) ** stations
  const alone = stations * tau * (1 - tau) ** (stations - 1)
  const busyUs = EXCHANGE_US + DIFS_US
  return ((1 - some) * SLOT_US + some * busyUs) / alone
}

test('several stations collide as often as in Bianchi’s model', () => {
  for (const stations of [2, 10, 50]) {
    const { medium, arrived } = saturate(stations, 1_000_000 / stations / 50, 0)
    // While all still have something to say.
    while (medium.nowUs < 8_000_000) medium.step()
    near(medium.nowUs / arrived(), bianchiUs(stations), 0.04, `${stations} stations`)
  }
})

function chain(count: number, lossless = true) {
  const places = Array.from({ length: count }, () => new Place())
  places.forEach((place, index) => {
    const next = places[index + 1]
    if (next) place.nextTo(next)
  })
  const medium = new Medium(places, 1)
  if (lossless) medium.chance = () => false
  const mesh = new Mesh(medium)
  const stations = places.map((place, index) =>
    mesh.add(new Station(`s${index}`, { place, x: 45 * index, y: 0 })),
  )
  return { places, medium, mesh, stations }
}

test('n hops take the air n times, and every third place may send at once', () => {
  const hops = 9
  const { medium, mesh, stations, places } = chain(hops + 1)
  const [first, last] = [stations[0] as Station, stations[hops] as Station]
  assert.is(mesh.hops(first, last), hops)
  let arrived = 0
  const frames = 2_000
  // A window of ten, so that no queue grows.
  const send = () => mesh.send(first, last, PACKET_BYTES, next)
  let sent = 0
  const next = () => {
    arrived++
    if (sent++ < frames - 10) send()
  }
  for (let n = 0; n < 10; n++) send()
  run(medium)
  assert.is(arrived, frames)
  const each = DIFS_US + EXCHANGE_US
  const again = medium.use.collisions * each
  assert.is(medium.use.airUs, frames * hops * each + again)
  // A middle place hears four of the nine hops, of which only the outermost two fit into one time.
  const middle = places[5] as Place
  assert.ok(middle.busyUs >= frames * 3 * each, `${middle.busyUs}`)
  assert.ok(middle.busyUs <= frames * 4 * each + again, `${middle.busyUs}`)
  // No better than the ideal schedule of a third, and no worse than the seventh that real ones reach.
  const share = (frames * each) / medium.nowUs
  assert.ok(share <= 1 / 3 && share >= 1 / 7, `${share} of one hop's throughput`)
})

test('multicast costs one frame at the basic rate, flooded one a station, and is not repeated', () => {
  const { medium, mesh, stations } = chain(5)
  const heard: string[] = []
  for (const station of stations) station.heard = () => heard.push(station.name)
  mesh.flood(stations[0] as Station, 100, {}, 1)
  run(medium)
  const oneUs = DIFS_US + 192 + (8 * (40 + 8 + 100)) / 2
  assert.is(medium.use.airUs, oneUs)
  assert.equal(heard, ['s1'])
  mesh.flood(stations[0] as Station, 100, {})
  run(medium)
  assert.is(medium.use.airUs, 6 * oneUs)
  assert.equal(heard.slice(1), ['s1', 's2', 's3', 's4'])
})

test('a way goes around whoever is off, and none is left without air or cable', () => {
  const place = new Place()
  const medium = new Medium([place], 1)
  const mesh = new Mesh(medium)
  const at = (name: string, x: number, y: number) => mesh.add(new Station(name, { place, x, y }))
  const [left, high, low, right] = [at('l', 0, 0), at('h', 45, 5), at('w', 45, -30), at('r', 91, 0)]
  const server = mesh.add(new Station('server', undefined, true))
  const point = mesh.add(new Station('point', { place, x: 0, y: 1 }, true))
  const reached: string[] = []
  const send = (from: Station, to: Station) => {
    mesh.send(from, to, 100, () => reached.push(to.name))
    run(medium)
  }
  assert.is(mesh.hops(left, right), 2)
  mesh.switchOff(high)
  assert.is(mesh.hops(left, right), 2)
  send(left, right)
  mesh.switchOff(low)
  assert.is(mesh.hops(left, right), undefined)
  send(left, right)
  assert.equal(reached, ['r'])
  mesh.switchOn(high)
  send(left, right)
  assert.equal(reached, ['r', 'r'])
  assert.is(mesh.hops(server, point), 0)
  assert.is(mesh.hops(server, left), 1)
})

test('the same seed gives the same air, another one another', () => {
  const [one, again, other] = [1, 1, 2].map((seed) => {
    const { medium } = saturate(5, 200, 0.1, seed)
    run(medium)
    return [medium.nowUs, medium.use]
  })
  assert.equal(one, again)
  assert.not.equal(one, other)
})

test.run()
