/** Question and reply as both sides encode them, and every reply that is refused, by the attack's name. */

import * as assert from 'uvu/assert'
import { decodeQuestion, encodeQuestion, type Question } from '../../src/call-home/question.ts'
import {
  type AskedWith,
  encodeReply,
  encodeUnlock,
  openReply,
  openUnlock,
  type Reply,
} from '../../src/call-home/reply.ts'
import { PeerError, TrustError } from '../../src/errors.ts'
import { makeKeyPair, readPublicKey, readSecretKey, sign } from '../../src/release/signify.ts'
import { encodeStatement } from '../../src/release/statement.ts'
import { signing } from '../support/signing.ts'
import { test } from '../support/suite.ts'

const pair = makeKeyPair(signing, 'home')
const secret = readSecretKey(signing, pair.secretFile)
const keys = [readPublicKey(signing, pair.publicFile)]
const foreign = readSecretKey(signing, makeKeyPair(signing, 'foreign').secretFile)

const NONCE = '00112233445566778899aabbccddeeff'
const NOW = 1_800_000_000
const DAY = 86_400
const asked: AskedWith = { serial: 'SHC83302A3E', nonce: NONCE }
const locked = { serial: asked.serial, trustedSeconds: NOW - 100, unlocks: [] }
const REPLY: Reply = {
  serial: 'SHC83302A3E',
  nonce: NONCE,
  time: NOW,
  stolen: false,
  version: 42,
  leaseEnd: NOW + 30 * DAY,
  intervalSeconds: 3600,
  priority: 'urgent',
  sources: ['rsync://schoolserver/xo', 'rsync://[2001:db8::1]:8730/xo'],
  message: 'Mañana: École fermée 🎒',
}
const signed = (reply: Reply, key = secret) => sign(encodeReply(reply), key, 'home')

function refused(act: () => unknown, attack: RegExp): void {
  assert.throws(act, (error: unknown) => {
    if (error instanceof TrustError && attack.test(error.message)) return true
    throw error
  })
}

test('a reply is read as it was written', () => {
  assert.equal(openReply(signed(REPLY), keys, asked), REPLY)
  const least: Reply = {
    ...REPLY,
    version: undefined,
    leaseEnd: undefined,
    sources: [],
    message: '',
    stolen: true,
  }
  assert.equal(openReply(signed(least), keys, asked), least)
})

test('a key that says more is no reason to refuse', () => {
  const text = Buffer.concat([encodeReply(REPLY), Buffer.from('later=yes\n')])
  assert.equal(openReply(sign(text, secret, ''), keys, asked), REPLY)
})

test('what is not for this laptop and this question is refused by the name of the attack', () => {
  const opened = (reply: Reply, key = secret) => openReply(signed(reply, key), keys, asked)
  refused(() => opened({ ...REPLY, serial: 'SHC00000001' }), /^wrong serial: /)
  refused(() => opened({ ...REPLY, nonce: NONCE.replace('0', '1') }), /^replay: /)
  refused(() => opened(REPLY, foreign), /^unknown key: /)
  const forged = { ...foreign, number: secret.number }
  refused(() => opened(REPLY, forged), /^forged: /)
  const altered = signed(REPLY)
  altered[altered.length - 2] = (altered[altered.length - 2] ?? 0) ^ 1
  refused(() => openReply(altered, keys, asked), /^forged: /)
})

test('of a reply that answers our nonce every date is the time', () => {
  for (const time of [0, NOW - 400 * DAY, NOW + 40 * 366 * DAY]) {
    assert.is(openReply(signed({ ...REPLY, time }), keys, asked).time, time)
  }
})

test('another kind of statement is not a reply, though the key is right', () => {
  const unlock = sign(
    encodeUnlock({ serial: asked.serial, time: NOW, leaseEnd: undefined }),
    secret,
    '',
  )
  refused(() => openReply(unlock, keys, asked), /"kind=call-home-reply" was expected/)
  refused(() => openUnlock(signed(REPLY), keys, locked), /"kind=unlock" was expected/)
})

test('too large, too many and malformed values are refused', () => {
  const huge = new Uint8Array(9000).fill(0x61)
  refused(() => openReply(huge, keys, asked), /^endless data: /)
  const opened = (key: string, value: string) => {
    const lines = Buffer.from(encodeReply(REPLY)).toString('utf8').split('\n')
    const text = lines
      .map((line) => (line.startsWith(`${key}=`) ? `${key}=${value}` : line))
      .join('\n')
    return openReply(sign(new Uint8Array(Buffer.from(text)), secret, ''), keys, asked)
  }
  for (const [key, value] of [
    ['stolen', 'perhaps'],
    ['version', '0'],
    ['version', '1000000000'],
    ['version', '042'],
    ['interval', '-1'],
    ['interval', '99999999'],
    ['priority', 'high'],
    ['time', '2027-02-30T00:00:00Z'],
    ['lease-end', 'never'],
    ['nonce', 'ABC'],
    ['serial', '../x'],
    ['sources', Array(9).fill('rsync://a/b').join(' ')],
    ['sources', `rsync://${'a'.repeat(300)}/b`],
    ['message', 'm'.repeat(501)],
  ] as const) {
    refused(() => opened(key, value), new RegExp(key))
  }
  const short = encodeStatement('call-home-reply', [['serial', asked.serial]])
  refused(() => openReply(sign(short, secret, ''), keys, asked), /has no nonce/)
})

test('an unlock statement opens once, and only what was locked before it was signed', () => {
  const unlock = { serial: asked.serial, time: NOW, leaseEnd: NOW + DAY }
  const bytes = sign(encodeUnlock(unlock), secret, '')
  assert.equal(openUnlock(bytes, keys, locked), unlock)
  refused(() => openUnlock(bytes, keys, { ...locked, trustedSeconds: NOW }), /^replay: /)
  refused(() => openUnlock(bytes, keys, { ...locked, trustedSeconds: NOW + 1 }), /^replay: /)
  refused(() => openUnlock(bytes, keys, { ...locked, unlocks: [1, NOW] }), /^replay: .* was used/)
  refused(() => openUnlock(bytes, keys, { ...locked, serial: 'another' }), /^wrong serial: /)
})

const QUESTION: Question = {
  serial: 'SHC83302A3E',
  nonce: NONCE,
  hardware: 'xo-1',
  deployment: 'Perú',
  installed: 41,
  trial: 41,
  bad: [39, 40],
  outcome: 'TrustError',
  code: 'rollback',
  brought: { version: 41, origin: 'neighbour' },
  received: { neighbour: 1200, school: 7 },
}

test('a question is read as it was written', () => {
  assert.equal(decodeQuestion(encodeQuestion(QUESTION)), QUESTION)
  const least: Question = {
    ...QUESTION,
    installed: undefined,
    trial: undefined,
    bad: [],
    outcome: undefined,
    code: undefined,
    brought: undefined,
    received: undefined,
  }
  assert.equal(decodeQuestion(encodeQuestion(least)), least)
})

test('what is not a question is broken, and no matter of trust', () => {
  const text = Buffer.from(encodeQuestion(QUESTION)).toString('utf8')
  for (const wrong of [
    '',
    'kind=release\n',
    text.replace('SHC83302A3E', '../../etc'),
    text.replace(NONCE, 'abc'),
    text.replace('bad=39 40', 'bad=x'),
    text.replace('bad=39 40', `bad=${Array(33).fill(1).join(' ')}`),
    text.replace('installed=41', 'installed=0'),
    text.replace('last-code=rollback', `last-code=${'a'.repeat(60)}`),
    `${text}more=${'x'.repeat(3000)}\n`,
    '\xff\xfe',
  ]) {
    assert.throws(
      () => decodeQuestion(new Uint8Array(Buffer.from(wrong, 'latin1'))),
      (error: unknown) => error instanceof PeerError && error.kind === 'broken',
    )
  }
})

test.run()
