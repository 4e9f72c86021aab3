/** What native:signatures promises, for any host: RFC 8032's own examples, and tweetnacl as a second opinion (a third: signatures.test.ts). */
import nacl from 'tweetnacl'
import * as assert from 'uvu/assert'
import type { Host } from '../../src/host.ts'
import { suite } from '../support/suite.ts'

const bytesOf = (hex: string) =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))

/** RFC 8032, section 7.1: seed, public key, message, signature. */
const EXAMPLES = [
  [
    '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
] as const

/**
 * The order of the group, little-endian: s and s + L are the same signature unless somebody checks.
 */
const ORDER = bytesOf('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010')

export function signaturesContract(name: string, host: Host): void {
  const test = suite(name)
  const { signatures, random } = host

  for (const [seed, key, message, signature] of EXAMPLES) {
    test(`RFC 8032: a message of ${message.length / 2} bytes`, () => {
      assert.equal(signatures.publicKey(bytesOf(seed)), bytesOf(key))
      assert.equal(signatures.sign(bytesOf(seed + key), bytesOf(message)), bytesOf(signature))
      assert.ok(signatures.verify(bytesOf(key), bytesOf(message), bytesOf(signature)))
    })
  }

  test('agrees with tweetnacl, both ways', () => {
    for (let length = 0; length < 300; length += 60) {
      const pair = nacl.sign.keyPair.fromSeed(random.randomBytes(32))
      const message = random.randomBytes(length)
      const signature = signatures.sign(pair.secretKey, message)
      assert.equal(signature, nacl.sign.detached(message, pair.secretKey))
      assert.ok(signatures.verify(pair.publicKey, message, signature))
    }
  })

  test('one bit of anything, and it does not hold', () => {
    const pair = nacl.sign.keyPair.fromSeed(random.randomBytes(32))
    const message = random.randomBytes(40)
    const signature = signatures.sign(pair.secretKey, message)
    for (const [index, bytes] of [pair.publicKey, message, signature].entries()) {
      for (const at of [0, bytes.length >> 1, bytes.length - 1]) {
        const parts = [pair.publicKey.slice(), message.slice(), signature.slice()] as const
        ;(parts[index] as Uint8Array)[at] = (bytes[at] as number) ^ 1
        assert.not(signatures.verify(...parts))
      }
    }
  })

  test('a second spelling of a signature does not hold', () => {
    const pair = nacl.sign.keyPair.fromSeed(random.randomBytes(32))
    const message = random.randomBytes(40)
    const signature = signatures.sign(pair.secretKey, message)
    let carry = 0
    for (let i = 0; i < 32; i++) {
      const sum = (signature[32 + i] as number) + (ORDER[i] as number) + carry
      signature[32 + i] = sum & 0xff
      carry = sum >> 8
    }
    assert.not(signatures.verify(pair.publicKey, message, signature))
  })

  test('bytes that are no key and no signature do not hold', () => {
    const message = random.randomBytes(10)
    for (const fill of [0, 1, 0xff]) {
      const key = new Uint8Array(32).fill(fill)
      const signature = new Uint8Array(64).fill(0xff)
      assert.not(signatures.verify(key, message, signature))
    }
  })

  test('other lengths are a bug of the caller', () => {
    const [key, secret, signature] = [32, 64, 64].map((length) => new Uint8Array(length)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ]
    const calls = [
      () => signatures.verify(key.subarray(1), key, signature),
      () => signatures.verify(key, key, signature.subarray(1)),
      () => signatures.sign(key, key),
      () => signatures.publicKey(secret),
    ]
    for (const call of calls) assert.throws(call, (error: unknown) => error instanceof RangeError)
  })

  test.run()
}
