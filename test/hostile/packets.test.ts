/**
 * Hostile packets: pushes and answers of neighbours that somebody altered, and leases that somebody made up. All
 * that a push can do is to bring a question to home forward, and all that the others can do is to name one more
 * daemon to ask.
 */
import * as assert from 'uvu/assert'
import { TrustError } from '../../src/errors.ts'
import { NEIGHBOUR_WORDS_SIZE_MAX, PUSH_SIZE_MAX } from '../../src/limits.ts'
import { answerIn, encodeNeighbourAnswer } from '../../src/peers/words.ts'
import { concerns, openUpgradeNow, signUpgradeNow } from '../../src/push/upgrade-now.ts'
import { signRelease } from '../../src/release/release.ts'
import { makeKeyPair, readPublicKey, readSecretKey } from '../../src/release/signify.ts'
import { guessesOfLeases, sourceOfLease } from '../../src/source/lease.ts'
import { nodeHost } from '../support/host.ts'
import { test } from '../support/suite.ts'

const host = nodeHost()
const pair = makeKeyPair(host, 'push')
const secret = readSecretKey(host, pair.secretFile)
const keys = [readPublicKey(host, pair.publicFile)]
const SEEN = 1_800_000_000
const situation = { running: 41, deployment: 'peru', trustedSeconds: SEEN, pushSeconds: SEEN }
const push = signUpgradeNow({ version: 42, deployment: 'any', issued: SEEN + 60 }, secret)

/** Whether a laptop would ask home sooner because of it. Anything but a TrustError is thrown. */
function believed(bytes: Uint8Array): boolean {
  try {
    if (!concerns(bytes, situation)) return false
    openUpgradeNow(bytes, keys)
    return true
  } catch (error) {
    if (error instanceof TrustError) return false
    throw error
  }
}

test('push-as-it-was-signed, for comparison', () => assert.ok(believed(push)))

test('push-with-any-one-byte-altered', () => {
  // Of the first line only the comment may differ: nobody signed it.
  const start = push.indexOf(0x0a)
  for (let at = start; at < push.length; at++) {
    for (const bit of [1, 0x20, 0x80]) {
      const altered = Uint8Array.from(push)
      altered[at] = (altered[at] ?? 0) ^ bit
      assert.not.ok(believed(altered), `byte ${at}, bit ${bit}`)
    }
  }
})

test('push-cut-anywhere, push-with-more', () => {
  for (let length = 0; length < push.length; length++) {
    assert.not.ok(believed(push.subarray(0, length)), `${length} bytes`)
  }
  assert.not.ok(believed(Uint8Array.from([...push, 0x78])))
  assert.not.ok(believed(new Uint8Array(PUSH_SIZE_MAX + 1).fill(0x78)))
})

test('release-sent-as-a-push', () => {
  const digest = '0'.repeat(64)
  const numbers = { manifestSize: 1, entries: 1, imageBytes: 0, jumpFrom: 0 }
  const words = { hardware: 'any', deployment: 'any', manifestDigest: digest }
  const release = { ...words, ...numbers, version: 42, issued: SEEN + 60, expires: undefined }
  assert.not.ok(believed(signRelease(release, secret, '')))
})

const NONCE = '0123456789abcdef'
const ANSWER = encodeNeighbourAnswer(
  { nonce: NONCE, version: 42, packs: ['41-42'], places: 3, port: 8873 },
  NEIGHBOUR_WORDS_SIZE_MAX,
) as Uint8Array

/** What a laptop would make of an answer; a place to try, and nothing else. */
function placeIn(bytes: Uint8Array): ReturnType<typeof answerIn> {
  const answer = answerIn(bytes)
  return answer?.nonce === NONCE ? answer : undefined
}

test('neighbours-answer-with-any-one-byte-altered', () => {
  assert.is(placeIn(ANSWER)?.port, 8873, 'for comparison')
  for (let at = 0; at < ANSWER.length; at++) {
    for (const bit of [1, 0x20, 0x80]) {
      const altered = Uint8Array.from(ANSWER)
      altered[at] = (altered[at] ?? 0) ^ bit
      const place = placeIn(altered)
      if (!place) continue
      assert.equal(Object.keys(place).sort(), ['nonce', 'packs', 'places', 'port', 'version'])
      assert.ok(place.port >= 1 && place.port <= 65_535 && place.packs.length <= 16)
    }
  }
})

test('neighbours-answer-cut-anywhere, neighbours-answer-with-more', () => {
  for (let length = 0; length < ANSWER.length; length++) {
    assert.is(placeIn(ANSWER.subarray(0, length)), undefined, `${length} bytes`)
  }
  assert.is(placeIn(Uint8Array.from([...ANSWER, 0x78])), undefined)
  assert.is(placeIn(new Uint8Array(NEIGHBOUR_WORDS_SIZE_MAX + 1).fill(0x78)), undefined)
})

test('push-sent-as-an-answer, answer-sent-as-a-push', () => {
  assert.is(placeIn(push), undefined)
  assert.not.ok(believed(ANSWER))
})

test('lease-of-noise, lease-of-any-bytes-around-a-url', () => {
  const url = 'rsync://school/xo'
  for (let byte = 0; byte < 256; byte++) {
    const odd = String.fromCharCode(byte)
    for (const value of [`${odd}${url}`, `${url}${odd}`, `rsync://sch${odd}ool/xo`]) {
      const found = sourceOfLease(`source=${value}\n`)
      const plain = /^rsync:\/\/[A-Za-z0-9.-]+\/[A-Za-z0-9._-]+\/?$/
      assert.match(found ?? url, plain, `byte ${byte}: ${found}`)
    }
  }
})

test('lease-that-is-no-file', () => {
  for (const path of ['/dev/zero', '/proc/self/mem', '/', '/nowhere']) {
    assert.equal(guessesOfLeases(host.files, [path]), [], path)
  }
})

test.run()
