/** What neighbours say to each other: questions and answers, from anybody on the same link. */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { TrustError } from '../../src/errors.ts'
import { NEIGHBOUR_WORDS_SIZE_MAX, VERSION_MAX } from '../../src/limits.ts'
import {
  decodeNeighbourAnswer,
  decodeNeighbourQuestion,
  encodeNeighbourAnswer,
  encodeNeighbourQuestion,
  type NeighbourQuestion,
} from '../../src/peers/words.ts'
import { isAudience } from '../../src/release/fields.ts'
import { altered, anyText, bytes, record } from './arbitraries.ts'
import { decoded, properties, same } from './property.ts'

const property = properties('neighbours')

const audience = fc.oneof(fc.constant('any'), anyText(100).filter(isAudience))
const version = fc.oneof(fc.integer({ min: 1, max: VERSION_MAX }), fc.constant(VERSION_MAX))
const maybe = <Value>(values: fc.Arbitrary<Value>) => fc.option(values, { nil: undefined })
const nonce = fc.stringMatching(/^[0-9a-f]{16}$/)
const literal = fc.stringMatching(/^[0-9a-f:.]{2,45}$/)
const neighbourQuestion = record<NeighbourQuestion>({
  ...{ nonce, hardware: audience, deployment: audience },
  ...{ wanted: maybe(version), has: maybe(version) },
  aside: fc.array(literal, { maxLength: 4 }),
})
const pack = fc
  .tuple(fc.nat(999_998), version)
  .filter(([from, to]) => from < to)
  .map(([from, to]) => `${from}-${to}`)
const neighbourAnswer = record({
  ...{ nonce, version, packs: fc.array(pack, { maxLength: 16 }) },
  ...{ places: fc.integer({ min: 1, max: 999 }), port: fc.integer({ min: 1, max: 65_535 }) },
})
const encodedAnswer = (one: Parameters<typeof encodeNeighbourAnswer>[0]) =>
  encodeNeighbourAnswer(one, NEIGHBOUR_WORDS_SIZE_MAX) as Uint8Array

property(
  'each question to neighbours comes back and fits a datagram, and its answer is no larger',
  fc.tuple(neighbourQuestion, neighbourAnswer),
  ([question, answer]) => {
    const asked = encodeNeighbourQuestion(question)
    assert.ok(asked.length <= NEIGHBOUR_WORDS_SIZE_MAX)
    same(decodeNeighbourQuestion(asked), question)
    same(decodeNeighbourAnswer(encodedAnswer(answer)), answer)
    const suiting = { ...answer, version: question.wanted ?? answer.version }
    const answered = encodeNeighbourAnswer(suiting, asked.length)
    assert.ok(answered && answered.length <= asked.length)
  },
)

property(
  'any datagram is refused, or is a question or an answer of a neighbour that comes back the same',
  fc.oneof(
    bytes(1200),
    altered(neighbourQuestion.map(encodeNeighbourQuestion)),
    altered(neighbourAnswer.map(encodedAnswer)),
  ),
  (given) => {
    const question = decoded(() => decodeNeighbourQuestion(given), TrustError)
    if (question) same(decodeNeighbourQuestion(encodeNeighbourQuestion(question)), question)
    const answer = decoded(() => decodeNeighbourAnswer(given), TrustError)
    if (answer) same(decodeNeighbourAnswer(encodedAnswer(answer)), answer)
    assert.not.ok(question && answer)
  },
)

property.run()
