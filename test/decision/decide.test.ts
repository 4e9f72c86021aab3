/** The policy, as a table: the situation, and what the laptop does about it. */

import * as assert from 'uvu/assert'
import { decide, type RoundFacts, type UpgradePolicy } from '../../src/decision/decide.ts'
import type { HomeRecord } from '../../src/store/state.ts'
import { test } from '../support/suite.ts'

const HOME: HomeRecord = {
  stolen: false,
  leaseEnd: undefined,
  version: 42,
  intervalSeconds: 3600,
  priority: 'normal',
  sources: [],
  message: '',
}
const FACTS: RoundFacts = {
  running: 41,
  waiting: undefined,
  trial: undefined,
  bad: [],
  home: HOME,
  locked: undefined,
  inhibitors: [],
  onBattery: false,
  idle: true,
  minute: 12 * 60,
}
const POLICY: UpgradePolicy = {
  hold: false,
  pinned: undefined,
  allowDowngrade: false,
  onBattery: false,
  hours: undefined,
  sources: ['rsync://schoolserver/xo', 'rsync://upstream/xo'],
}
const NIGHT = { from: 22 * 60, to: 6 * 60 }
const SCHOOL = { from: 8 * 60, to: 12 * 60 }

type HomeChange = Partial<HomeRecord> | undefined
type Row = [
  string,
  { facts?: Partial<RoundFacts>; home?: HomeChange; policy?: Partial<UpgradePolicy> },
  'stay' | 'lock out' | number | 'newest',
  RegExp,
]

const TABLE: Row[] = [
  // What home says.
  ['home wants the next version', {}, 42, /^Version 42 is wanted; version 41 runs\.$/],
  ['home wants what runs', { facts: { running: 42 } }, 'stay', /^Version 42 runs, as/],
  ['home wants what waits', { facts: { waiting: 42 } }, 'stay', /waits for the next start/],
  ['home wants another one than what waits', { facts: { waiting: 43 } }, 42, /wanted/],
  ['home names no version', { home: { version: undefined } }, 'newest', /newest version is looked/],
  ['home was never reached', { facts: { home: undefined } }, 'newest', /newest version is looked/],
  ['stolen', { home: { stolen: true } }, 'lock out', /reported stolen/],
  [
    'the lease is over',
    { facts: { locked: 'The lease ended.' } },
    'lock out',
    /^The lease ended\.$/,
  ],
  [
    'stolen goes before everything',
    { home: { stolen: true }, policy: { hold: true } },
    'lock out',
    /stolen/,
  ],
  // What the operator says.
  ['held', { policy: { hold: true } }, 'stay', /holds this laptop at version 41/],
  [
    'held, though urgent',
    { policy: { hold: true }, home: { priority: 'urgent' } },
    'stay',
    /holds/,
  ],
  ['pinned to what runs', { policy: { pinned: 41 } }, 'stay', /^Version 41 runs, as the config/],
  ['pinned to another one', { policy: { pinned: 44 } }, 44, /^Version 44 is pinned/],
  ['pinned to an older one', { policy: { pinned: 40 } }, 'stay', /downgrade is not allowed/],
  [
    'pinned to an older one, allowed',
    { policy: { pinned: 40, allowDowngrade: true } },
    40,
    /pinned/,
  ],
  ['home wants an older one', { home: { version: 40 } }, 'stay', /older than 41/],
  [
    'home wants an older one, allowed',
    { home: { version: 40 }, policy: { allowDowngrade: true } },
    40,
    /wanted/,
  ],
  ['no source', { policy: { sources: [] } }, 'stay', /No source/],
  // What this laptop has gone through.
  ['nothing is installed', { facts: { running: undefined } }, 'stay', /No system is installed/],
  ['it never became healthy here', { facts: { bad: [40, 42] } }, 'stay', /never became healthy/],
  ['the one after the bad one', { facts: { bad: [42] }, home: { version: 43 } }, 43, /wanted/],
  [
    'a pin does not make a bad one good',
    { facts: { bad: [44] }, policy: { pinned: 44 } },
    'stay',
    /never became healthy/,
  ],
  ['what runs is on trial', { facts: { trial: 41 } }, 'stay', /on trial/],
  ['another one was on trial', { facts: { trial: 40 } }, 42, /wanted/],
  // The situation at the moment.
  ['a file in inhibit.d', { facts: { inhibitors: ['exam'] } }, 'stay', /"exam" in inhibit\.d/],
  [
    'a file in inhibit.d, though urgent',
    { facts: { inhibitors: ['exam'] }, home: { priority: 'urgent' } },
    'stay',
    /exam/,
  ],
  ['on battery', { facts: { onBattery: true } }, 'stay', /battery/],
  [
    'on battery, allowed',
    { facts: { onBattery: true }, policy: { onBattery: true } },
    42,
    /wanted/,
  ],
  [
    'on battery, urgent',
    { facts: { onBattery: true }, home: { priority: 'urgent' } },
    42,
    /urgently/,
  ],
  [
    'by day, for the night',
    { policy: { hours: NIGHT } },
    'stay',
    /^It is 12:00, .* 22:00 to 06:00/,
  ],
  [
    'by day, for the night, urgent',
    { policy: { hours: NIGHT }, home: { priority: 'urgent' } },
    42,
    /urgently/,
  ],
  ['before midnight', { policy: { hours: NIGHT }, facts: { minute: 23 * 60 } }, 42, /wanted/],
  ['after midnight', { policy: { hours: NIGHT }, facts: { minute: 0 } }, 42, /wanted/],
  ['the first minute', { policy: { hours: SCHOOL }, facts: { minute: 8 * 60 } }, 42, /wanted/],
  ['the last minute', { policy: { hours: SCHOOL }, facts: { minute: 12 * 60 - 1 } }, 42, /wanted/],
  ['the minute after', { policy: { hours: SCHOOL }, facts: { minute: 12 * 60 } }, 'stay', /12:00/],
  ['a window of no length is all day', { policy: { hours: { from: 60, to: 60 } } }, 42, /wanted/],
  ['low, and busy', { home: { priority: 'low' }, facts: { idle: false } }, 'stay', /low priority/],
  ['low, and idle', { home: { priority: 'low' } }, 42, /wanted/],
  ['normal, and busy', { facts: { idle: false } }, 42, /wanted/],
]

for (const [name, { facts, home, policy }, expected, reason] of TABLE) {
  test(name, () => {
    const decision = decide(
      { ...FACTS, home: { ...HOME, ...home }, ...facts },
      { ...POLICY, ...policy },
    )
    const act = decision.act === 'upgrade' ? (decision.version ?? 'newest') : decision.act
    assert.is(act, expected, decision.reason)
    assert.match(decision.reason, reason)
    assert.match(decision.reason, /^[A-Z].*\.$/, 'a sentence')
    if (decision.act === 'stay') {
      const passes = /inhibit|battery|It is|low priority/.test(decision.reason)
      assert.is(decision.postponed, passes)
    }
    if (decision.act === 'upgrade') {
      assert.equal(decision.sources, policy?.sources ?? POLICY.sources)
      assert.is(decision.downgrade, (decision.version ?? 99) < 41)
    }
  })
}

test('every combination has an answer, and a stolen laptop is never upgraded', () => {
  const some = [undefined, 40, 41, 42]
  let count = 0
  for (const running of some) {
    for (const waiting of some) {
      for (const version of some) {
        for (const pinned of some) {
          for (const bits of Array(64).keys()) {
            const bit = (place: number) => (bits & (1 << place)) !== 0
            const decision = decide(
              {
                ...FACTS,
                running,
                waiting,
                bad: bit(0) ? [42] : [],
                home: { ...HOME, version, stolen: bit(1), priority: bit(2) ? 'urgent' : 'low' },
                onBattery: bit(3),
              },
              { ...POLICY, pinned, hold: bit(4), allowDowngrade: bit(5) },
            )
            count++
            if (bit(1)) assert.is(decision.act, 'lock out')
            if (decision.act !== 'upgrade') continue
            assert.ok(running !== undefined && !bit(4))
            assert.ok(decision.version === undefined || decision.version !== running)
            assert.ok(!(bit(0) && decision.version === 42))
            assert.ok(bit(5) || !decision.downgrade)
          }
        }
      }
    }
  }
  assert.is(count, 4 ** 4 * 64)
})

test.run()
