/** The state record: what comes back is what was written, and nonsense is refused by name. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { ConfigError } from '../../src/errors.ts'
import {
  FIRST_STATE,
  raiseFloor,
  readState,
  type State,
  writeState,
} from '../../src/store/state.ts'
import { Store } from '../../src/store/store.ts'
import { nodeHost } from '../support/host.ts'
import { newStorePath } from '../support/node-device.ts'
import { test } from '../support/suite.ts'

function fresh(): { store: Store; path: string } {
  const path = newStorePath()
  return { store: Store.open(nodeHost(), path, true), path }
}

test('a store without a record has no floor, no intent and no past', () => {
  const { store } = fresh()
  assert.equal(readState(store), FIRST_STATE)
})

test('every field comes back as it was written', () => {
  const { store } = fresh()
  const state: State = {
    floor: 999_999_999,
    intent: { verb: 'roll-back', source: 42, target: 41 },
    trial: 42,
    confirmed: 41,
    boots: 2,
    bad: [40, 43],
    trustedSeconds: 1_795_000_000,
    ranSeconds: 7200,
    newestRelease: { version: 42, issued: 1_795_000_050 },
    unlocks: [1_794_000_000, 1_794_000_001],
    pushSeconds: 1_795_000_100,
    home: {
      stolen: true,
      leaseEnd: 1_795_003_600,
      version: 44,
      intervalSeconds: 3600,
      priority: 'urgent',
      sources: ['rsync://schoolserver/xo', 'file:///media/stick'],
      message: 'bring it to the office = today',
    },
    wait: { tries: 3, failures: 2, begun: 1_795_000_000, until: 1_795_000_600 },
    last: { time: '2026-11-22T18:00:00.000Z', outcome: 'TrustError', message: 'a=b – é "x"' },
    brought: {
      version: 42,
      origin: 'neighbour',
      time: '2026-11-22T18:00:00.000Z',
      source: 'neighbour x',
    },
    received: { neighbour: 7, school: 1_000_000_000_000 },
    attack: { name: 'altered', time: '2026-11-22T18:00:00.000Z', message: 'x=y', told: false },
  }
  writeState(store, state)
  assert.equal(readState(store), state)
  writeState(store, { ...state, intent: { verb: 'swap', source: 1, target: 2 }, last: undefined })
  assert.equal(readState(store).intent, { verb: 'swap', source: 1, target: 2 })
  assert.is(readState(store).last, undefined)
})

test('a message can neither add lines nor grow without bound', () => {
  const { store } = fresh()
  const message = `first\nfloor=7\r\nintent=swap 1 2 ${'x'.repeat(5000)}`
  writeState(store, { ...FIRST_STATE, floor: 3, last: { time: 't', outcome: 'o', message } })
  const state = readState(store)
  assert.is(state.floor, 3)
  assert.is(state.intent, undefined)
  assert.is(state.last?.message, message.replace(/[\r\n]+/g, ' ').slice(0, 1000))
})

test('a message of the longest kind is still read back', () => {
  const { store } = fresh()
  const message = '€'.repeat(1000)
  writeState(store, { ...FIRST_STATE, floor: 3, last: { time: 't', outcome: 'o', message } })
  assert.is(readState(store).last?.message, message)
})

test('the floor only rises, and leaves the rest as it is', () => {
  const { store } = fresh()
  const intent = { verb: 'swap', source: 1, target: 2 } as const
  writeState(store, { ...FIRST_STATE, floor: 5, intent })
  raiseFloor(store, 4)
  assert.is(readState(store).floor, 5)
  raiseFloor(store, 6)
  assert.equal(readState(store), { ...FIRST_STATE, floor: 6, intent })
})

for (const content of ['floor=x\n', 'floor=-1\n', 'floor=1000000000\n', '\xff\xfe\n', '']) {
  test(`a record of ${JSON.stringify(content)} is refused, never read as no floor`, () => {
    const { store, path } = fresh()
    writeFileSync(join(path, 'state'), content, 'latin1')
    assert.throws(
      () => readState(store),
      (error: unknown) => error instanceof ConfigError && /state record/.test(error.message),
    )
  })
}

test('lines of a later program are skipped', () => {
  const { store, path } = fresh()
  writeFileSync(join(path, 'state'), 'tries=3\nfloor=9\nno equals sign\nintent=dance 1 2\n')
  assert.equal(readState(store), { ...FIRST_STATE, floor: 9 })
})

test.run()
