/**
 * What the files in a home server's folder mean, and what is said about those that make no sense.
 */

import * as assert from 'uvu/assert'
import { ConfigError } from '../../src/errors.ts'
import { answer, placeOf } from '../../src/home/answer.ts'
import { type PolicyTexts, parsePolicy } from '../../src/home/policy.ts'
import { signing } from '../support/signing.ts'
import { test } from '../support/suite.ts'

const { checksums } = signing
const NOW = 1_800_000_000
const ask = (serial: string, deployment = 'any') => ({
  serial,
  nonce: '0'.repeat(32),
  hardware: 'any',
  deployment,
  installed: 41,
  trial: undefined,
  bad: [],
  outcome: undefined,
  code: undefined,
})
const reply = (texts: PolicyTexts, serial = 'A', deployment = 'any') =>
  answer(checksums, ask(serial, deployment), parsePolicy(texts, 'home'), NOW)

function refuses(texts: PolicyTexts, message: RegExp): void {
  assert.throws(
    () => parsePolicy(texts, 'home'),
    (error: unknown) => error instanceof ConfigError && message.test(error.message),
  )
}

test('an empty folder answers, and wants nothing', () => {
  const { version, stolen, leaseEnd, intervalSeconds, priority, sources } = reply({})
  assert.equal([version, stolen, leaseEnd], [undefined, false, undefined])
  assert.equal([intervalSeconds, priority, sources], [6 * 3600, 'normal', []])
})

test('the nearest pin counts: laptop, deployment, all, and then the latest', () => {
  const texts = {
    latest: '# the one that was tried\n\n43\n',
    pins: 'deployment Monte Video 41\nserial SHC1 40\n',
  }
  assert.is(reply(texts).version, 43)
  assert.is(reply(texts, 'X', 'Monte Video').version, 41)
  assert.is(reply(texts, 'SHC1', 'Monte Video').version, 40)
  assert.is(reply({ ...texts, pins: 'any 42' }).version, 42)
})

test('a roll-out takes the percentage, keeps who was in, and begins with others each time', () => {
  const serials = Array.from({ length: 2000 }, (_, i) => `SHC${i}`)
  const chosen = (version: number, percent: number) =>
    serials.filter((serial) => {
      const texts = { latest: '42', 'roll-out': `${version} ${percent}` }
      return reply(texts, serial).version === version
    })
  const quarter = chosen(43, 25)
  assert.ok(quarter.length > 400 && quarter.length < 600, `${quarter.length}`)
  const half = new Set(chosen(43, 50))
  assert.ok(quarter.every((serial) => half.has(serial)))
  assert.is(chosen(43, 0).length, 0)
  assert.is(chosen(43, 100).length, serials.length)
  const next = new Set(chosen(44, 25))
  assert.ok(quarter.filter((serial) => next.has(serial)).length < 250)
  assert.ok(serials.every((serial) => placeOf(checksums, serial, 43) < 100))
})

test('a pinned laptop takes no part in a roll-out', () => {
  const texts = { latest: '42', 'roll-out': '43 100', pins: 'serial A 41' }
  assert.is(reply(texts, 'A').version, 41)
  assert.is(reply(texts, 'B').version, 43)
})

test('leases run from the answer on, or to an instant; the stolen get none', () => {
  const texts = { leases: 'any 30\nserial B 2030-01-01T00:00:00Z\ndeployment x 7', stolen: 'C\n' }
  assert.is(reply(texts).leaseEnd, NOW + 30 * 86_400)
  assert.is(reply(texts, 'A', 'x').leaseEnd, NOW + 7 * 86_400)
  assert.is(reply(texts, 'B', 'x').leaseEnd, Date.UTC(2030, 0, 1) / 1000)
  const stolen = reply(texts, 'C')
  assert.equal([stolen.stolen, stolen.leaseEnd], [true, undefined])
})

test('what all answers say', () => {
  const answers =
    'interval-minutes = 30\npriority=urgent\nmessage=Lección #2: a las 8\n' +
    'source=rsync://a/xo\nsource=rsync://b/xo\n'
  const said = reply({ answers })
  assert.is(said.intervalSeconds, 1800)
  assert.is(said.priority, 'urgent')
  assert.is(said.message, 'Lección #2: a las 8')
  assert.equal(said.sources, ['rsync://a/xo', 'rsync://b/xo'])
})

test('what is wrong is named with its file and line', () => {
  refuses({ latest: '42\n43' }, /^home\/latest, line 2: "43"; allowed: one line only/)
  refuses({ latest: 'newest' }, /home\/latest, line 1: "newest"; allowed: a version/)
  refuses({ latest: '0' }, /latest/)
  refuses({ 'roll-out': '43 101' }, /roll-out, line 1/)
  refuses({ 'roll-out': '43 100.5' }, /roll-out, line 1/)
  refuses({ 'roll-out': '43' }, /roll-out, line 1/)
  refuses({ pins: '\nserial 41' }, /pins, line 2/)
  refuses({ pins: 'serial A 41\nserial A 42' }, /pins, line 2.*each name once/)
  refuses({ pins: 'any 41\nany 42' }, /pins, line 2.*once/)
  refuses({ stolen: 'two words' }, /stolen, line 1.*one serial number/)
  refuses({ leases: 'any 0' }, /leases, line 1/)
  refuses({ leases: 'any 2030-02-30T00:00:00Z' }, /leases, line 1/)
  refuses({ answers: 'prority=low' }, /answers, line 1: "prority=low"; allowed: "interval/)
  refuses({ answers: 'interval-minutes=0' }, /answers/)
  refuses({ answers: 'priority=now' }, /low, normal, urgent/)
})

test('the last value that is taken, and the first that is not', () => {
  assert.is(reply({ leases: 'any 3660' }).leaseEnd, NOW + 3660 * 86_400)
  refuses({ leases: 'any 3661' }, /leases, line 1/)
  assert.is(reply({ answers: 'interval-minutes=527040' }).intervalSeconds, 366 * 86_400)
  refuses({ answers: 'interval-minutes=527041' }, /answers, line 1.*1 to 527040 minutes/)
  assert.is(reply({ answers: `message=${'x'.repeat(500)}` }).message.length, 500)
  refuses({ answers: `message=${'x'.repeat(501)}` }, /answers, line 1.*at most 500 characters/)
  const urls = Array.from({ length: 8 }, (_, i) => `source=rsync://school-${i}/xo\n`).join('')
  assert.is(reply({ answers: urls }).sources.length, 8)
  refuses({ answers: `${urls}source=rsync://one-more/xo` }, /answers, line 9.*at most 8 URLs/)
  refuses({ answers: 'source=rsync://two words/xo' }, /answers, line 1.*without blanks/)
})

test('every wrong line is named at once, and of thousands the first', () => {
  const texts = {
    latest: '41\n42\n',
    'roll-out': '42 200\n',
    stolen: 'SHC1\nno serial\nSHC2\nnor this\n',
    answers: 'priority = high\nnonsense = 1\n',
  }
  assert.throws(
    () => parsePolicy(texts, 'home'),
    (error: unknown) => {
      const places = [...String(error).matchAll(/home\/([a-z-]+, line [0-9]+)/g)].map(
        ([, at]) => at,
      )
      const right = ['latest, line 2', 'roll-out, line 1', 'stolen, line 2', 'stolen, line 4']
      assert.equal(places, [...right, 'answers, line 1', 'answers, line 2'])
      return true
    },
  )
  assert.throws(
    () => parsePolicy({ stolen: 'no serial\n'.repeat(5000) }, 'home'),
    (error: unknown) => String(error).length < 2000 && /; and 4980 more$/.test(String(error)),
  )
})

test.run()
