/**
 * What laptops and their home server read of each other, and what both read of a network: HTTP, questions,
 * replies, pushes, policies, DHCP's file, addresses.
 */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { HttpAnswer } from '../../src/call-home/http-answer.ts'
import { parseHttpUrl } from '../../src/call-home/http-post.ts'
import { decodeQuestion, encodeQuestion, type Question } from '../../src/call-home/question.ts'
import {
  areSources,
  encodeReply,
  encodeUnlock,
  isMessage,
  isSerial,
  openReply,
  openUnlock,
  type Reply,
} from '../../src/call-home/reply.ts'
import { ConfigError, PeerError, TrustError } from '../../src/errors.ts'
import { answer } from '../../src/home/answer.ts'
import { HttpRequest, Refusal } from '../../src/home/http-request.ts'
import { parsePolicy } from '../../src/home/policy.ts'
import { PUSH_SIZE_MAX, QUESTION_SIZE_MAX, REPLY_SIZE_MAX, VERSION_MAX } from '../../src/limits.ts'
import { concerns, openUpgradeNow, signUpgradeNow } from '../../src/push/upgrade-now.ts'
import { formatInstant, isAudience } from '../../src/release/fields.ts'
import {
  makeKeyPair,
  messageOf,
  publicKeyOf,
  readSecretKey,
  sign,
} from '../../src/release/signify.ts'
import { sourceOfLease } from '../../src/source/lease.ts'
import { arrayOfBytes, bytesOfArray, bytesOfText } from '../../src/text.ts'
import {
  altered,
  alteredText,
  anyText,
  byteString,
  bytes,
  cuts,
  joined,
  piecesOf,
  record,
  textOf,
} from './arbitraries.ts'
import { decoded, properties, same } from './property.ts'
import { signing } from './quick-signing.ts'

const property = properties('home')
const secret = readSecretKey(signing, makeKeyPair(signing, 'home').secretFile)
const key = publicKeyOf(secret)

const BODY_MAX = 500
const header = fc.constantFrom(
  ...['Content-Length: 5', 'Content-Length: 0', 'content-length: 600', 'Content-Length: 5, 5'],
  ...['Transfer-Encoding: chunked', 'transfer-encoding: gzip', 'Content-Encoding: gzip', 'X: y'],
  ...['X: a\nContent-Length: 5', 'X: a\rContent-Length: 5', 'X: \0', 'Content-Length:\v5'],
  ...['X : y', 'Content-Length:', ' folded', 'X:\ty\t', `Long: ${'x'.repeat(5000)}`],
)
const status = fc.constantFrom(
  ...['HTTP/1.1 200 OK', 'HTTP/1.0 200', 'HTTP/1.1 100 Continue', 'HTTP/1.1 204 No', 'HTTP/2 200'],
)
const chunk = bytes(20).map(
  (content) => `${content.length.toString(16)}\r\n${bytesOfArray(content)}\r\n`,
)
const body = fc.oneof(
  byteString(30),
  fc.array(chunk, { maxLength: 4 }).map((all) => `${all.join('')}0\r\n\r\n`),
)
const httpAnswer = fc
  .tuple(status, fc.array(header, { maxLength: 4 }), body)
  .map(([first, headers, rest]) =>
    arrayOfBytes(`${[first, ...headers, '', ''].join('\r\n')}${rest}`),
  )

/** Whether a head has what others may take for the end of a line. */
function hasStrayEnds(given: Uint8Array): boolean {
  const [head = ''] = bytesOfArray(given).split('\r\n\r\n')
  return /[\0\r\n]/.test(head.replaceAll('\r\n', ''))
}

/** What it is taken for, when it comes in these pieces and the connection ends after them. */
function taken(pieces: readonly Uint8Array[]) {
  const one = new HttpAnswer('home', BODY_MAX)
  const isWhole = decoded(
    () => {
      for (const piece of pieces) one.feed(piece)
      if (!one.done) one.end()
      return true
    },
    PeerError,
    TrustError,
  )
  return isWhole && { status: one.status, body: bytesOfArray(one.body) }
}

property(
  'an answer over HTTP is refused or taken alike, however it is cut',
  fc.tuple(fc.oneof(bytes(200), altered(httpAnswer)), cuts),
  ([given, lengths]) => {
    const whole = taken([given])
    same(taken(piecesOf(given, lengths)), whole)
    if (!whole) return
    assert.ok(whole.body.length <= BODY_MAX && whole.status >= 200)
    assert.not(hasStrayEnds(given))
  },
  4,
)

property(
  'what a server sends as a whole comes back',
  fc.tuple(fc.array(bytes(60), { maxLength: 8 }), fc.boolean(), cuts),
  ([contents, inChunks, lengths]) => {
    const whole = joined(...contents)
    const chunks = contents.filter(({ length }) => length > 0)
    const sent = inChunks
      ? joined(
          arrayOfBytes('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'),
          ...chunks.map((one) =>
            joined(arrayOfBytes(`${one.length.toString(16)}\r\n`), one, arrayOfBytes('\r\n')),
          ),
          arrayOfBytes('0\r\n\r\n'),
        )
      : joined(arrayOfBytes(`HTTP/1.1 200 OK\r\nContent-Length: ${whole.length}\r\n\r\n`), whole)
    same(taken(piecesOf(sent, lengths)), { status: 200, body: bytesOfArray(whole) })
  },
  4,
)

/** A server reads at most so much at once. */
const PIECE = 4096

function asked(pieces: readonly Uint8Array[]) {
  const one = new HttpRequest()
  try {
    for (const piece of pieces) if (!one.done) one.feed(piece)
    if (!one.done) return 'more'
    return { method: one.method, path: one.path, body: bytesOfArray(one.body) }
  } catch (error) {
    if (error instanceof Refusal) return error.status
    throw error
  }
}

const requestLine = fc.constantFrom(
  ...['POST /call-home HTTP/1.1', 'GET / HTTP/1.0', 'POST  / HTTP/1.1', 'post / HTTP/1.1'],
)
const httpRequest = fc
  .tuple(requestLine, fc.array(header, { maxLength: 5 }), byteString(10))
  .map(([first, headers, rest]) =>
    arrayOfBytes(`${[first, ...headers, '', ''].join('\r\n')}${rest}`),
  )

property(
  'a request over HTTP is refused or taken alike, however it is cut, and has no hidden line',
  fc.tuple(fc.oneof(bytes(200), altered(httpRequest)), cuts),
  ([given, lengths]) => {
    const whole = asked(piecesOf(given, [PIECE]))
    same(asked(piecesOf(given, lengths)), whole)
    if (typeof whole !== 'object') return
    assert.match(whole.path, /^[!-~]+$/)
    assert.ok(whole.body.length <= QUESTION_SIZE_MAX)
    assert.not(hasStrayEnds(given))
  },
  4,
)

property(
  'any text is the address of a home server, or none',
  fc.oneof(
    byteString(60),
    alteredText(
      fc.constantFrom('http://home', 'http://[::1]:80/a', 'http://1.2.3.4:65535/call-home'),
    ),
  ),
  (text) => {
    const address = decoded(() => parseHttpUrl(text), ConfigError)
    if (!address) return
    assert.ok(address.port >= 1 && address.port <= 65_535)
    assert.match(address.host + address.path, /^[!-~]+$/)
  },
)

const serial = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
const nonce = fc.stringMatching(/^[0-9a-f]{32}$/)
const audience = fc.oneof(fc.constant('any'), anyText(100).filter(isAudience))
const version = fc.oneof(fc.integer({ min: 1, max: VERSION_MAX }), fc.constant(VERSION_MAX))
const maybe = <Value>(values: fc.Arbitrary<Value>) => fc.option(values, { nil: undefined })
const instant = fc.integer({ min: 0, max: 253_402_300_799 })
const word = fc.stringMatching(/^[A-Za-z][A-Za-z0-9 -]{0,39}$/)

const question = record<Question>({
  ...{ serial, nonce, hardware: audience, deployment: audience },
  ...{ installed: maybe(version), trial: maybe(version), outcome: maybe(word), code: maybe(word) },
  bad: fc.array(version, { maxLength: 32 }),
  brought: maybe(record({ version, origin: fc.constant('neighbour' as const) })),
  received: maybe(record({ neighbour: version, stick: version })),
})

property(
  'each question comes back, and has room',
  question,
  (one) => {
    const encoded = encodeQuestion(one)
    assert.ok(encoded.length <= QUESTION_SIZE_MAX, `${encoded.length} bytes`)
    same(decodeQuestion(encoded), one)
  },
  4,
)

property(
  'any question is refused, or is the same when it is asked again',
  fc.oneof(bytes(200), altered(question.map(encodeQuestion))),
  (given) => {
    const one = decoded(() => decodeQuestion(given), PeerError)
    if (one) same(decodeQuestion(encodeQuestion(one)), one)
  },
  4,
)

const source = fc.stringMatching(/^[!-~]{1,300}$/)
const reply = record<Reply>({
  ...{ serial, nonce, time: instant, stolen: fc.boolean(), version: maybe(version) },
  ...{ leaseEnd: maybe(instant), intervalSeconds: fc.nat(366 * 86_400) },
  priority: fc.constantFrom('low', 'normal', 'urgent'),
  sources: fc.array(source, { maxLength: 8, size: 'max' }).filter(areSources),
  message: fc.oneof(anyText(500), textOf('\u{ffff}\u{10ffff}a', 500)).filter(isMessage),
})

property(
  'each reply comes back as it was signed, and has room',
  reply,
  (one) => {
    const signed = sign(encodeReply(one), secret, 'home')
    assert.ok(signed.length <= REPLY_SIZE_MAX, `${signed.length} bytes`)
    same(openReply(signed, [key], one), one)
  },
  4,
)

property(
  'an altered reply that was signed is refused, or is the same when it is signed again',
  fc
    .tuple(reply, altered(bytes(0)))
    .chain(([one]) => fc.tuple(fc.constant(one), altered(fc.constant(encodeReply(one))))),
  ([asker, message]) => {
    const one = decoded(() => openReply(sign(message, secret, ''), [key], asker), TrustError)
    if (!one) return
    same(`${one.serial} ${one.nonce}`, `${asker.serial} ${asker.nonce}`)
    same(openReply(sign(encodeReply(one), secret, ''), [key], one), one)
  },
  4,
)

property(
  'an unlock statement frees one laptop, once',
  fc.tuple(serial, instant, maybe(instant), instant),
  ([one, time, leaseEnd, trustedSeconds]) => {
    const signed = sign(encodeUnlock({ serial: one, time, leaseEnd }), secret, '')
    const situation = { serial: one, trustedSeconds, unlocks: [] }
    const opened = decoded(() => openUnlock(signed, [key], situation), TrustError)
    same(opened, time > trustedSeconds ? { serial: one, time, leaseEnd } : undefined)
    const again = { ...situation, unlocks: [time] }
    same(
      decoded(() => openUnlock(signed, [key], again), TrustError),
      undefined,
    )
  },
  4,
)

const push = record({ version, deployment: audience, issued: instant })

property(
  'each push comes back, and fits a datagram',
  push,
  (one) => {
    const signed = signUpgradeNow(one, secret)
    assert.ok(signed.length <= PUSH_SIZE_MAX)
    same(openUpgradeNow(signed, [key]), one)
  },
  4,
)

property(
  'any datagram is refused, or concerns nobody, or is a push',
  fc.tuple(
    fc.oneof(
      bytes(700),
      altered(push.map((one) => signUpgradeNow(one, secret))),
      altered(push.map((one) => messageOf(signUpgradeNow(one, secret), ''))).map((message) =>
        sign(message, secret, ''),
      ),
    ),
    record({
      running: maybe(version),
      deployment: audience,
      trustedSeconds: instant,
      pushSeconds: instant,
    }),
  ),
  ([given, situation]) => {
    const isNews = decoded(() => concerns(given, situation), TrustError)
    const opened = decoded(() => openUpgradeNow(given, [key]), TrustError)
    if (!isNews || !opened) return
    assert.ok(opened.version > (situation.running ?? 0) && opened.issued > situation.pushSeconds)
    same(openUpgradeNow(signUpgradeNow(opened, secret), [key]), opened)
  },
  6,
)

const policyLine = fc.oneof(
  fc.constantFrom(
    'any 41',
    'any 30',
    '# note',
    '',
    'deployment north pole 7',
    'serial SHC1 2027-01-31T00:00:00Z',
  ),
  fc.constantFrom('43 25', '43 100', '43 99.99', 'priority = urgent', 'interval-minutes = 527040'),
  instant.map((seconds) => `any ${formatInstant(seconds)}`),
  serial.map((one) => `serial ${one} 5`),
  serial,
  anyText(520).map((text) => `message = ${text}`),
  source.map((url) => `source = ${url}`),
)
const policyText = fc.array(policyLine, { maxLength: 9 }).map((lines) => lines.join('\n'))
const policyTexts = record({
  latest: fc.oneof(fc.constantFrom('41', ' 41\n', '', '0', '1000000000'), policyText),
  ...{ 'roll-out': policyText, pins: policyText, stolen: policyText, leases: policyText },
  answers: policyText,
})

property(
  'whatever an operator writes is refused, or makes answers that laptops take',
  fc.tuple(
    fc.oneof(
      policyTexts,
      policyTexts.chain((all) =>
        fc
          .constantFrom(...(Object.keys(all) as (keyof typeof all)[]))
          .map((name) => ({ [name]: all[name] })),
      ),
    ),
    question,
    instant,
  ),
  ([texts, one, time]) => {
    const policy = decoded(() => parsePolicy(texts, 'home'), ConfigError)
    if (!policy) return
    const said = answer(signing.checksums, one, policy, Math.min(time, 4e9))
    const signed = sign(encodeReply(said), secret, 'signature of the home server')
    assert.ok(signed.length <= REPLY_SIZE_MAX)
    same(openReply(signed, [key], one), said)
  },
  4,
)

const lease = fc
  .array(
    fc.constantFrom(
      ...[
        'source=rsync://school/xo',
        'source="rsync://[fe80::1]:873/xo/"',
        'ip=10.0.0.2',
        'serverid=10.0.0.1',
      ],
      ...[
        'opt224=7273796e633a2f2f612f62',
        'opt224=727',
        'source=ssh://a@b/c',
        'source=file:///etc',
        'a',
      ],
    ),
    { maxLength: 5 },
  )
  .map((lines) => lines.join('\n'))

property(
  'what DHCP says names an rsync daemon without a user, or nothing',
  fc.oneof(
    byteString(200),
    alteredText(lease),
    bytes(30).map((url) => `opt224=${Buffer.from(url).toString('hex')}`),
  ),
  (text) => {
    const url = sourceOfLease(text)
    if (url !== undefined) assert.match(url, /^rsync:\/\/[A-Za-z0-9.:[\]-]+\/[A-Za-z0-9._-]+\/?$/)
  },
)

property('a serial number is safe in a file name', fc.oneof(byteString(70), serial), (text) => {
  if (isSerial(text)) assert.match(bytesOfText(text), /^[A-Za-z0-9][A-Za-z0-9._-]*$/)
})

property.run()
