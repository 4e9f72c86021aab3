/** Each limit on what comes from outside (src/limits.ts): what is as large is taken, and one more is not. */
import * as assert from 'uvu/assert'
import { HttpAnswer } from '../../src/call-home/http-answer.ts'
import { decodeQuestion, encodeQuestion } from '../../src/call-home/question.ts'
import { encodeReply, openReply } from '../../src/call-home/reply.ts'
import { PeerError, TrustError } from '../../src/errors.ts'
import { HttpRequest, Refusal } from '../../src/home/http-request.ts'
import type { Files } from '../../src/host.ts'
import {
  CONFIGURATION_SIZE_MAX,
  HTTP_HEAD_SIZE_MAX,
  HTTP_LINE_SIZE_MAX,
  KEY_CHAIN_SIZE_MAX,
  MANIFEST_LINE_MAX,
  NAME_LENGTH_MAX,
  NEIGHBOUR_WORDS_SIZE_MAX,
  PATH_LENGTH_MAX,
  POLICY_SIZE_MAX,
  PUSH_SIZE_MAX,
  QUESTION_SIZE_MAX,
  RELEASE_SIZE_MAX,
  REPLY_SIZE_MAX,
  STATE_SIZE_MAX,
  VERSION_JUMP_MAX,
  VERSION_MAX,
} from '../../src/limits.ts'
import { decodeNeighbourQuestion, encodeNeighbourQuestion } from '../../src/peers/words.ts'
import { concerns, signUpgradeNow } from '../../src/push/upgrade-now.ts'
import { splitChain } from '../../src/release/keys.ts'
import { ManifestReader } from '../../src/release/manifest-file.ts'
import { parseManifestLine } from '../../src/release/manifest-line.ts'
import { admit, openRelease, signRelease } from '../../src/release/release.ts'
import {
  makeKeyPair,
  messageOf,
  publicKeyOf,
  readSecretKey,
  sign,
} from '../../src/release/signify.ts'
import { Code, Incoming } from '../../src/rsync/incoming.ts'
import { readSystemFile } from '../../src/small-file.ts'
import { arrayOfBytes } from '../../src/text.ts'
import { frame } from '../support/peer-bytes.ts'
import { suite } from '../support/suite.ts'
import { joined } from './arbitraries.ts'
import { decoded } from './property.ts'
import { signing } from './quick-signing.ts'

const test = suite('limits')

const secret = readSecretKey(signing, makeKeyPair(signing, 'limits').secretFile)
const keys = [publicKeyOf(secret)]

const RELEASE = {
  ...{ version: 2, hardware: 'any', deployment: 'any', manifestDigest: '0'.repeat(64) },
  ...{ manifestSize: 1, entries: 1, imageBytes: 0, jumpFrom: 0, issued: 5, expires: undefined },
}
const ASKED = { serial: 'A', nonce: '0'.repeat(32) }
const REPLY = {
  ...{ ...ASKED, time: 5, stolen: false, version: undefined, leaseEnd: undefined },
  ...{ intervalSeconds: 60, priority: 'normal' as const, sources: [], message: '' },
}
const QUESTION = {
  ...{ ...ASKED, hardware: 'any', deployment: 'any', installed: 1, trial: undefined },
  ...{ bad: [], outcome: undefined, code: undefined },
}

const NEIGHBOUR = encodeNeighbourQuestion({
  ...{ nonce: '0'.repeat(16), hardware: 'any', deployment: 'any', wanted: 2, has: 1, aside: [] },
})

/** A statement with a line more, which nobody knows, so that all is so long. */
function padded(message: Uint8Array, length: number, isSigned: boolean): Uint8Array {
  const make = (text: string) => {
    const whole = joined(message, arrayOfBytes(`zz=${text}\n`))
    return isSigned ? sign(whole, secret, '') : whole
  }
  return make('x'.repeat(length - make('').length))
}

const messageOfRelease = (release: typeof RELEASE) =>
  messageOf(signRelease(release, secret, ''), '')

/** A file of so many bytes; a read gives as much as is asked for. */
const fileOf = (size: number): Files =>
  ({
    openFile: () => 3,
    close() {},
    read: (_: number, buffer: Uint8Array) => Math.min(size, buffer.length),
  }) as unknown as Files

const LINE = 'type=dir mode=0755 uid=0 gid=0 time=0.0'
const isTaken = (decode: () => unknown, ...refusals: Parameters<typeof decoded>[1][]) =>
  decoded(() => [decode()], ...refusals) !== undefined

const pathOf = (length: number) =>
  'x/'
    .repeat(PATH_LENGTH_MAX)
    .slice(0, length - 1)
    .concat('y')
const httpHead = (length: number) => {
  const [start, end] = ['POST / HTTP/1.1\r\nA: ', '\r\n\r\n']
  return arrayOfBytes(start + 'x'.repeat(length - start.length - end.length) + end)
}

/** Whether so much is taken. */
const LIMITS: Record<string, [number, (size: number) => boolean]> = {
  'the size of a release': [
    RELEASE_SIZE_MAX,
    (size) =>
      isTaken(() => openRelease(padded(messageOfRelease(RELEASE), size, true), keys), TrustError),
  ],
  'a version': [
    VERSION_MAX,
    (version) =>
      isTaken(
        () => openRelease(signRelease({ ...RELEASE, version }, secret, ''), keys),
        TrustError,
      ),
  ],
  'how far a version jumps': [
    VERSION_JUMP_MAX,
    (jump) => {
      const device = { hardware: 'any', deployment: 'any', running: 1, floor: 1, trustedSeconds: 0 }
      return isTaken(() => admit({ ...RELEASE, version: 1 + jump }, device), TrustError)
    },
  ],
  'a reply': [
    REPLY_SIZE_MAX,
    (size) =>
      isTaken(() => openReply(padded(encodeReply(REPLY), size, true), keys, ASKED), TrustError),
  ],
  'a question': [
    QUESTION_SIZE_MAX,
    (size) =>
      isTaken(() => decodeQuestion(padded(encodeQuestion(QUESTION), size, false)), PeerError),
  ],
  'a push': [
    PUSH_SIZE_MAX,
    (size) => {
      const push = signUpgradeNow({ version: 2, deployment: 'any', issued: 5 }, secret)
      const situation = { running: 1, deployment: 'any', trustedSeconds: 0, pushSeconds: 0 }
      return isTaken(() => concerns(padded(messageOf(push, ''), size, true), situation), TrustError)
    },
  ],
  'a question of a neighbour': [
    NEIGHBOUR_WORDS_SIZE_MAX,
    (size) => isTaken(() => decodeNeighbourQuestion(padded(NEIGHBOUR, size, false)), TrustError),
  ],
  'a chain of keys': [
    KEY_CHAIN_SIZE_MAX,
    (size) =>
      isTaken(() => splitChain(arrayOfBytes('untrusted comment: '.padEnd(size, 'x'))), TrustError),
  ],
  'a name in a manifest': [
    NAME_LENGTH_MAX,
    (size) => isTaken(() => parseManifestLine(`./${'x'.repeat(size)} ${LINE}`), TrustError),
  ],
  'a path in a manifest': [
    PATH_LENGTH_MAX,
    (size) => isTaken(() => parseManifestLine(`./${pathOf(size)} ${LINE}`), TrustError),
  ],
  'a line of a manifest': [
    MANIFEST_LINE_MAX,
    (size) => {
      const content = arrayOfBytes(`${'x'.repeat(size)}\n`)
      const read = (_: number, buffer: Uint8Array, __: number, length: number, position = 0) => {
        const piece = content.subarray(position, position + length)
        buffer.set(piece)
        return piece.length
      }
      return isTaken(
        () => new ManifestReader({ read } as unknown as Files, 0).nextLine(),
        TrustError,
      )
    },
  ],
  'the head of a request': [
    HTTP_HEAD_SIZE_MAX,
    (size) => isTaken(() => new HttpRequest().feed(httpHead(size)), Refusal),
  ],
  'a line of an answer': [
    HTTP_LINE_SIZE_MAX,
    (size) => {
      // The end of the line is one byte of it: what counts is what stands before the newline.
      const line = `A: ${'x'.repeat(size - 4)}\r`
      return isTaken(
        () => new HttpAnswer('home', 9).feed(arrayOfBytes(`HTTP/1.1 200\r\n${line}\n`)),
        PeerError,
      )
    },
  ],
  'a message of a daemon': [
    8192,
    (size) => {
      const incoming = new Incoming(() => {})
      incoming.beginFrames()
      const bytes = frame(Code.info, Buffer.alloc(size))
      incoming.buffer.set(bytes, incoming.room())
      return isTaken(() => incoming.added(bytes.length), PeerError)
    },
  ],
}
for (const max of [CONFIGURATION_SIZE_MAX, STATE_SIZE_MAX, POLICY_SIZE_MAX]) {
  LIMITS[`a file of at most ${max} bytes`] = [
    max,
    (size) => isTaken(() => readSystemFile(fileOf(size), '/x', max), TrustError),
  ]
}

for (const [name, [max, takes]] of Object.entries(LIMITS)) {
  test(name, () => {
    assert.ok(takes(max), `${max} are refused`)
    assert.not.ok(takes(max + 1), `${max + 1} are taken`)
  })
}

test.run()
