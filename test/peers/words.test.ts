/** What neighbours say to each other: every question and answer comes back, and an answer is no larger than its question. */
import * as assert from 'uvu/assert'
import { TrustError } from '../../src/errors.ts'
import { NEIGHBOUR_WORDS_SIZE_MAX } from '../../src/limits.ts'
import {
  decodeNeighbourAnswer,
  decodeNeighbourQuestion,
  encodeNeighbourAnswer,
  encodeNeighbourQuestion,
  suits,
} from '../../src/peers/words.ts'
import { encodeStatement } from '../../src/release/statement.ts'
import { arrayOfBytes } from '../../src/text.ts'
import { test } from '../support/suite.ts'

const NONCE = '0123456789abcdef'
const QUESTION = {
  ...{ nonce: NONCE, hardware: 'xo-1', deployment: 'Perú', wanted: 42, has: 41 },
  aside: ['fe80::7', '10.0.0.7'],
}
const ANSWER = { nonce: NONCE, version: 42, packs: ['41-42', '0-42'], places: 3, port: 8873 }

test('a question and an answer come back as they were', () => {
  assert.equal(decodeNeighbourQuestion(encodeNeighbourQuestion(QUESTION)), QUESTION)
  const newest = { ...QUESTION, wanted: undefined, has: undefined, aside: [] }
  assert.equal(decodeNeighbourQuestion(encodeNeighbourQuestion(newest)), newest)
  const answer = encodeNeighbourAnswer(ANSWER, NEIGHBOUR_WORDS_SIZE_MAX) as Uint8Array
  assert.equal(decodeNeighbourAnswer(answer), ANSWER)
})

test('packs are left out of an answer that would be larger than its question', () => {
  const packs = Array.from({ length: 40 }, (_, index) => `${index}-42`)
  for (const wanted of [undefined, 1, 42, 999_999_999]) {
    for (const has of [undefined, 1, 999_999_998]) {
      const question = { nonce: NONCE, hardware: 'x', deployment: 'x', wanted, has, aside: [] }
      const { length } = encodeNeighbourQuestion(question)
      for (const version of wanted === undefined ? [1, 999_999_999] : [wanted]) {
        const answer = { nonce: NONCE, version, packs, places: 999, port: 65_535 }
        const encoded = encodeNeighbourAnswer(answer, length)
        assert.ok(encoded && encoded.length <= length, `${wanted}, ${has}, ${version}`)
      }
    }
  }
  assert.is(encodeNeighbourAnswer(ANSWER, 60), undefined)
})

test('what is neither is refused', () => {
  const question: [string, string][] = [
    ['nonce', NONCE],
    ['hardware', 'any'],
    ['deployment', 'any'],
    ['wanted', '42'],
    ['has', '41'],
  ]
  const answer: [string, string][] = [
    ['nonce', NONCE],
    ['version', '42'],
    ['places', '1'],
    ['port', '873'],
  ]
  const refused = (decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array) => {
    try {
      decode(bytes)
    } catch (error) {
      return error instanceof TrustError
    }
    return false
  }
  const wrong = (fields: [string, string][], key: string, value: string) =>
    fields.map(([name, old]): [string, string] => [name, name === key ? value : old])
  for (const [key, value] of [
    ['nonce', 'x'.repeat(16)],
    ['hardware', ''],
    ['deployment', ' '],
    ['wanted', '0'],
    ['wanted', '1e9'],
    ['has', '-1'],
  ] as const) {
    const bytes = encodeStatement('ask-neighbours', wrong(question, key, value))
    assert.ok(refused(decodeNeighbourQuestion, bytes), `${key}=${value}`)
  }
  for (const aside of ['', 'schoolserver', '::1  ::2', '::1 ::2 ::3 ::4 ::5', 'fe80::1%eth0']) {
    const bytes = encodeStatement('ask-neighbours', [...question, ['aside', aside]])
    assert.ok(refused(decodeNeighbourQuestion, bytes), aside)
  }
  for (const [key, value] of [
    ['version', '0'],
    ['places', '0'],
    ['port', '0'],
    ['port', '65536'],
  ] as const) {
    const bytes = encodeStatement('neighbour', wrong(answer, key, value))
    assert.ok(refused(decodeNeighbourAnswer, bytes), `${key}=${value}`)
  }
  for (const packs of ['', '42-41', '41-42 ', 'rsync://x', Array(17).fill('41-42').join(' ')]) {
    const bytes = encodeStatement('neighbour', [...answer, ['packs', packs]])
    assert.ok(refused(decodeNeighbourAnswer, bytes), packs)
  }
  assert.ok(refused(decodeNeighbourQuestion, encodeStatement('neighbour', answer)))
  assert.ok(refused(decodeNeighbourAnswer, encodeStatement('ask-neighbours', question)))
  const endless = arrayOfBytes('x'.repeat(NEIGHBOUR_WORDS_SIZE_MAX + 1))
  assert.ok(refused(decodeNeighbourQuestion, endless) && refused(decodeNeighbourAnswer, endless))
})

test('what suits is the version that was named, or else a newer one', () => {
  assert.ok(suits({ wanted: 42, has: 41 }, 42))
  assert.not.ok(suits({ wanted: 42, has: 41 }, 43))
  assert.ok(suits({ wanted: undefined, has: 41 }, 42))
  assert.not.ok(suits({ wanted: undefined, has: 42 }, 42))
  assert.ok(suits({ wanted: undefined, has: undefined }, 1))
})

test.run()
