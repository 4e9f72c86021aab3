/** What the log of calls tells of a fleet: the last word of each laptop, who is behind, and what is no call. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { readFleet } from '../../src/home/fleet.ts'
import { nodeHost } from '../support/host.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

const NOW = 1_800_000_000
const call = (serial: string, installed: number, time = NOW) =>
  JSON.stringify({ time, serial, hardware: 'xo-1', deployment: 'peru', installed, bad: [] })

function fleetOf(log: string, latest = '42\n') {
  const folder = scratch('fleet')
  writeFileSync(join(folder, 'latest'), latest)
  writeFileSync(join(folder, 'calls.jsonl'), log)
  return readFleet(nodeHost(), folder, NOW)
}

test('who runs what is wanted, or a later one, is not behind', () => {
  const { laptops } = fleetOf(`${call('C', 41)}\n${call('A', 42)}\n${call('B', 43)}\n`)
  assert.equal(
    laptops.map(({ serial, behind }) => [serial, behind]),
    [
      ['A', false],
      ['B', false],
      ['C', true],
    ],
  )
})

test('the last call of a laptop counts, and tells how long it has been silent', () => {
  const { laptops } = fleetOf(`${call('A', 40, NOW - 9e5)}\n${call('A', 41, NOW - 86_400)}\n`)
  assert.equal(
    laptops.map(({ installed, silentDays }) => [installed, silentDays]),
    [[41, 1]],
  )
})

test('a log without its last newline, as a power cut leaves it, loses no whole call', () => {
  const whole = `${call('A', 41)}\n${call('B', 42)}`
  assert.equal([fleetOf(whole).laptops.length, fleetOf(whole).skipped], [2, 0])
  const torn = fleetOf(whole.slice(0, -5))
  assert.equal([torn.laptops.length, torn.skipped], [1, 1])
})

test('a line whose values are of another kind than those of a call is none', () => {
  const wrong = {
    time: 1e300,
    installed: {},
    trial: 'x',
    bad: [null],
    outcome: 1,
    code: [],
    deployment: 7,
  }
  const lines = Object.entries(wrong).map(([key, value]) => {
    return JSON.stringify({ ...JSON.parse(call('A', 41)), [key]: value })
  })
  const { laptops, skipped } = fleetOf(`${lines.join('\n')}\nnull\n5\n${call('A', 42)}\n`)
  assert.equal([laptops.length, skipped], [1, lines.length + 2])
})

test('calls are read wherever the pieces of a long log end', () => {
  const count = 1500
  const lines = Array.from({ length: count }, (_, i) => `${call(`S${i}`, 41)}\n`)
  const { laptops, skipped } = fleetOf(lines.join(''))
  assert.ok(lines.join('').length > 2 * 64 * 1024, 'more than two pieces')
  assert.equal([laptops.length, skipped], [count, 0])
})

test('a fleet that nobody wants anything of is not behind, and no log is no call', () => {
  assert.is(fleetOf(`${call('A', 41)}\n`, '').laptops[0]?.behind, false)
  const folder = scratch('fleet')
  assert.equal(readFleet(nodeHost(), folder, NOW), { laptops: [], received: {}, skipped: 0 })
})

test('what laptops received is summed up by where it came from, and what is no number is none', () => {
  const told = (serial: string, more: object) =>
    JSON.stringify({ ...JSON.parse(call(serial, 42)), ...more })
  const lines = [
    told('A', { received: { neighbour: 5, school: 1 } }),
    told('A', {
      received: { neighbour: 7, school: 3 },
      brought: { version: 42, origin: 'school' },
    }),
    told('B', { received: { neighbour: 10, moon: 9, stick: -1 }, brought: { version: 'x' } }),
    told('C', { received: 'much', brought: { version: 42, origin: 'moon' } }),
    call('D', 42),
  ]
  const { received, laptops, skipped } = fleetOf(`${lines.join('\n')}\n`)
  assert.equal([received, skipped], [{ neighbour: 17, school: 3 }, 0])
  assert.equal(laptops[0]?.brought, { version: 42, origin: 'school' })
  assert.equal(
    laptops.slice(1).map(({ brought }) => brought),
    [undefined, undefined, undefined],
  )
})

test.run()
