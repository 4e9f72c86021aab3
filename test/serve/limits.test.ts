/** When nobody is served, and what is said of it. */
import * as assert from 'uvu/assert'
import { objection, type ServeFacts, type ServeLimits } from '../../src/serve/limits.ts'
import { test } from '../support/suite.ts'

const CALM: ServeFacts = { inhibitors: [], onBattery: false, minute: 12 * 60, isAtWork: false }
type Policy = Pick<ServeLimits, 'hours' | 'onBattery'>
const ALWAYS: Policy = { hours: undefined, onBattery: false }

const NIGHT = { from: 22 * 60, to: 6 * 60 }

const CASES: [string, Partial<ServeFacts>, Partial<Policy>, RegExp?][] = [
  ['on mains, with nothing to do, it serves', {}, {}],
  ['an upgrade goes first', { isAtWork: true }, {}, /at work on its own system/],
  ['a file in inhibit.d holds it back', { inhibitors: ['exam'] }, {}, /"exam" in inhibit\.d/],
  ['the battery is for its user', { onBattery: true }, {}, /battery/],
  ['unless the configuration gives it away', { onBattery: true }, { onBattery: true }],
  ['at other hours nobody is served', {}, { hours: NIGHT }, /other hours/],
  ['within its hours everybody is, also after midnight', { minute: 60 }, { hours: NIGHT }],
  ['an upgrade is named before the rest', { isAtWork: true, onBattery: true }, {}, /at work/],
]

for (const [title, facts, policy, said] of CASES) {
  test(title, () => {
    const reason = objection({ ...ALWAYS, ...policy }, { ...CALM, ...facts })
    if (said) assert.match(reason ?? '', said)
    else assert.is(reason, undefined)
  })
}

test.run()
