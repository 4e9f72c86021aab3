/**
 * Signed texts: base64, key files, statements, releases, chains of keys. What a key signed is read in the
 * same way, so the altered ones are signed, too: its holder may make mistakes.
 */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { ConfigError, TrustError } from '../../src/errors.ts'
import { KEY_CHAIN_SIZE_MAX, KEY_SEQUENCE_MAX, VERSION_MAX } from '../../src/limits.ts'
import { decodeBase64, encodeBase64 } from '../../src/release/base64.ts'
import { formatInstant, isAudience, parseInstant } from '../../src/release/fields.ts'
import { followChain, signKeyChange, splitChain } from '../../src/release/keys.ts'
import { openRelease, type Release, readRelease, signRelease } from '../../src/release/release.ts'
import {
  makeKeyPair,
  messageOf,
  publicKeyOf,
  readPublicKey,
  readSecretKey,
  sign,
  verifySignature,
} from '../../src/release/signify.ts'
import { decodeStatement, encodeStatement, isValue } from '../../src/release/statement.ts'
import { arrayOfBytes, bytesOfArray } from '../../src/text.ts'
import { signing as real } from '../support/signing.ts'
import {
  altered,
  alteredText,
  anyText,
  byteString,
  bytes,
  joined,
  record,
  textOf,
} from './arbitraries.ts'
import { decoded, properties, same } from './property.ts'
import { signing } from './quick-signing.ts'

const property = properties('statements')

const pair = makeKeyPair(signing, 'fuzz')
const secret = readSecretKey(signing, pair.secretFile)
const key = publicKeyOf(secret)

property('each sequence of bytes has one spelling in base64', bytes(100), (given) => {
  same(decodeBase64(encodeBase64(given)), given)
})

property(
  'any text is that one spelling, or no base64',
  fc.oneof(
    textOf('AZaz09+/=\n -_', 40),
    anyText(40),
    alteredText(bytes(40).map((given) => encodeBase64(given))),
  ),
  (text) => {
    const found = decodeBase64(text)
    if (found) same(encodeBase64(found), text)
  },
)

property('each instant comes back', fc.integer({ min: -62e9, max: 253_402_300_799 }), (seconds) => {
  same(parseInstant(formatInstant(seconds)), seconds)
})

property(
  'any text is an instant in its one form, or none',
  fc.oneof(
    textOf('0123456789-:TZ+.', 24),
    alteredText(fc.integer({ min: 0, max: 4e9 }).map(formatInstant)),
  ),
  (text) => {
    const seconds = parseInstant(text)
    if (seconds !== undefined) same(formatInstant(seconds), text)
  },
)

const keyText = fc.oneof(
  fc.constantFrom(pair.publicFile, pair.secretFile),
  fc.constantFrom(pair.publicFile, pair.secretFile).map((text) => text.replaceAll('\n', '\r\n')),
)

property(
  'a key file is refused, or holds a key',
  fc.oneof(byteString(200), alteredText(keyText)),
  (text) => {
    const found = decoded(() => readPublicKey(signing, text), ConfigError)
    if (found) {
      assert.match(found.number, /^[0-9a-f]{16}$/)
      same(found.key.length, 32)
    }
    const other = decoded(() => readSecretKey(signing, text), ConfigError)
    // Its checksum is of the key, and says nothing of the number.
    if (other) same(other.key, secret.key)
  },
)

const statementKey = fc.stringMatching(/^[a-z][a-z0-9-]{0,9}$/).filter((name) => name !== 'kind')
const value = anyText(40).filter(isValue)
const statement = fc
  .uniqueArray(fc.tuple(statementKey, value), { selector: ([name]) => name, maxLength: 8 })
  .map((fields) => encodeStatement('test', fields))

property(
  'a statement is refused, or the very bytes that its fields make',
  fc.oneof(bytes(120), altered(statement)),
  (message) => {
    const fields = decoded(() => decodeStatement(message, 'test'), TrustError)
    if (!fields) return
    const [, ...others] = [...fields]
    same(encodeStatement('test', others), message)
  },
)

/** Here the signature itself is meant; elsewhere it only stands in the way. */
const trusted = readSecretKey(real, makeKeyPair(real, 'real').secretFile)

property(
  'signed bytes are those that were signed, or refused',
  fc.tuple(bytes(200), altered(bytes(200).map((message) => sign(message, trusted, 'c')))),
  ([message, other]) => {
    const signed = sign(message, trusted, 'c')
    same(verifySignature(signed, [publicKeyOf(trusted)], 'it'), message)
    const found = decoded(() => verifySignature(other, [publicKeyOf(trusted)], 'it'), TrustError)
    if (found) same(found, messageOf(other, 'it'))
  },
  40,
)

/** One in three is at a limit, or one past it. */
const count = (max: number) =>
  fc.oneof({ weight: 2, arbitrary: fc.nat(max) }, { weight: 1, arbitrary: fc.constant(max) })
const audience = fc.oneof(fc.constant('any'), anyText(100).filter(isAudience))
const instant = fc.integer({ min: 0, max: 253_402_300_799 })

const release: fc.Arbitrary<Release> = record<Release>({
  version: fc.integer({ min: 1, max: VERSION_MAX }),
  hardware: audience,
  deployment: audience,
  manifestDigest: fc.stringMatching(/^[0-9a-f]{64}$/),
  manifestSize: fc.integer({ min: 1, max: 64 * 1024 * 1024 }),
  entries: fc.integer({ min: 1, max: 300_000 }),
  imageBytes: fc.maxSafeNat(),
  jumpFrom: fc.nat(VERSION_MAX),
  issued: instant,
  expires: fc.option(instant, { nil: undefined }),
}).map((one) => ({ ...one, jumpFrom: Math.min(one.jumpFrom, one.version) }))

property(
  'each release comes back as it was signed',
  release,
  (one) => {
    const signed = signRelease(one, secret, 'c')
    same(openRelease(signed, [key]), one)
  },
  4,
)

property(
  'an altered release that somebody signed is refused, or is the same when it is signed again',
  altered(release.map((one) => messageOf(signRelease(one, secret, ''), ''))),
  (message) => {
    const found = decoded(() => readRelease(sign(message, secret, '')), TrustError)
    if (found) same(readRelease(signRelease(found, secret, '')), found)
  },
  4,
)

const otherKeys = [1, 2, 3].map((number) => {
  const { publicFile, secretFile } = makeKeyPair(signing, `key ${number}`)
  return { open: readPublicKey(signing, publicFile), secret: readSecretKey(signing, secretFile) }
})
const someKeys = fc.subarray(otherKeys.map(({ open }) => open))
const change = fc
  .tuple(
    record({
      role: fc.constantFrom('release' as const, 'home' as const, 'push' as const),
      sequence: fc.integer({ min: 1, max: KEY_SEQUENCE_MAX }),
      issued: instant,
      next: someKeys,
      revoked: someKeys,
    }),
    fc.constantFrom(secret, ...otherKeys.map((one) => one.secret)),
  )
  .map(([one, signer]) => signKeyChange(one, signer))
const chain = fc.array(change, { maxLength: 4 }).map((statements) => joined(...statements))

property(
  'a chain of keys is its statements, one after the other, or is refused',
  fc.oneof(bytes(100), altered(chain)),
  (text) => {
    const statements = decoded(() => splitChain(text), TrustError)
    if (statements) same(joined(...statements), text)
  },
  4,
)

property(
  'whatever a chain says, a role keeps a key, and no revoked one',
  altered(chain),
  (text) => {
    const statements = decoded(() => splitChain(text), TrustError) ?? []
    for (const role of ['release', 'home'] as const) {
      const { keys, revoked, ever } = followChain([key], statements, role, signing)
      assert.ok(keys.length > 0)
      const known = [key, ...otherKeys.map(({ open }) => open)].map((one) => bytesOfArray(one.key))
      for (const one of ever) assert.ok(known.includes(bytesOfArray(one.key)))
      const gone = revoked.map((one) => bytesOfArray(one.key))
      assert.not(keys.some((one) => gone.includes(bytesOfArray(one.key))))
    }
  },
  6,
)

property(
  'a chain has its limit',
  count(20),
  (over) => {
    const text = arrayOfBytes('untrusted comment: '.padEnd(KEY_CHAIN_SIZE_MAX + over, 'x'))
    same(decoded(() => splitChain(text), TrustError) === undefined, over > 0)
  },
  20,
)

property.run()
