/** What the machine says against an upgrade: files in inhibit.d, power supplies, the load. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { readSurroundings } from '../../src/decision/surroundings.ts'
import { nodeHost } from '../support/host.ts'
import { scratch } from '../support/scratch.ts'
import { test } from '../support/suite.ts'

const host = nodeHost()

type Supply = Record<string, string>

/** As sysfs has it: links to where the files are. */
function machine(supplies: Record<string, Supply>, load = '0.10'): string {
  const root = scratch('machine')
  const power = join(root, 'sys/class/power_supply')
  mkdirSync(power, { recursive: true })
  mkdirSync(join(root, 'proc'))
  writeFileSync(join(root, 'proc/loadavg'), `${load} 0.20 0.30 1/100 4711\n`)
  for (const [name, values] of Object.entries(supplies)) {
    const device = join(root, 'sys/devices', name)
    mkdirSync(device, { recursive: true })
    symlinkSync(`../../devices/${name}`, join(power, name))
    for (const [key, value] of Object.entries(values))
      writeFileSync(join(device, key), `${value}\n`)
  }
  return root
}

const look = (root: string, inhibit = '/nowhere') => readSurroundings(host, inhibit, root)
const battery = (status: string) => ({ type: 'Battery', status })
const mains = (online: string) => ({ type: 'Mains', online })

const POWER: [string, Record<string, Supply>, boolean][] = [
  ['no supply at all', {}, false],
  ['a battery that discharges', { BAT0: battery('Discharging') }, true],
  ['an XO on its battery', { 'olpc-ac': mains('0'), 'olpc-battery': battery('Discharging') }, true],
  ['an XO at the wall', { 'olpc-ac': mains('1'), 'olpc-battery': battery('Charging') }, false],
  ['a weak supply', { AC: mains('1'), BAT0: battery('Discharging') }, false],
  ['charged by USB', { USB: { type: 'USB', online: '1' }, BAT0: battery('Discharging') }, false],
  ['a full battery', { AC: mains('0'), BAT0: battery('Full') }, false],
  ['two batteries', { BAT0: battery('Full'), BAT1: battery('Discharging') }, true],
  ["a mouse's battery", { mouse: { ...battery('Discharging'), scope: 'Device' } }, false],
  ['a supply that says nothing', { odd: {} }, false],
]
for (const [name, supplies, expected] of POWER) {
  test(name, () => assert.is(look(machine(supplies)).onBattery, expected))
}

test('idle is what has little load', () => {
  assert.is(look(machine({}, '0.49')).idle, true)
  assert.is(look(machine({}, '0.50')).idle, false)
  assert.is(look(machine({}, '12.00')).idle, false)
  // If nobody knows, nothing is held up.
  assert.is(look(scratch('empty')).idle, true)
})

test('files in inhibit.d are wishes, leftovers are not', () => {
  const folder = scratch('inhibit')
  for (const name of ['exam', 'backup', '.hidden', 'exam~']) writeFileSync(join(folder, name), '')
  assert.equal(look(machine({}), folder).inhibitors, ['backup', 'exam'])
  assert.equal(look(machine({}), '/nowhere').inhibitors, [])
})

test.run()
