/** Rotations of keys: who follows which chain to which keys, and what leads nowhere. */

import * as assert from 'uvu/assert'
import { ConfigError, TrustError } from '../../src/errors.ts'
import {
  extendChain,
  followChain,
  type KeyChange,
  type KeyRole,
  signKeyChange,
  splitChain,
} from '../../src/release/keys.ts'
import {
  makeKeyPair,
  type PublicKey,
  publicKeyOf,
  readSecretKey,
  type SecretKey,
} from '../../src/release/signify.ts'
import { signing } from '../support/signing.ts'
import { test } from '../support/suite.ts'

const secrets = Array.from({ length: 6 }, (_, i) => {
  return readSecretKey(signing, makeKeyPair(signing, `key ${i}`).secretFile)
})
const secret = (index: number) => secrets[index] as SecretKey
const key = (index: number) => publicKeyOf(secret(index))

const change = (next: number[], revoked: number[], role: KeyRole = 'release') => ({
  role,
  issued: 1_800_000_000,
  next: next.map(key),
  revoked: revoked.map(key),
})
const signed = (sequence: number, by: number, what: Omit<KeyChange, 'sequence'>) =>
  signKeyChange({ ...what, sequence }, secret(by))
const numbers = (keys: readonly PublicKey[]) => keys.map(({ number }) => number)
const follow = (configured: number[], chain: Uint8Array[], role: KeyRole = 'release') =>
  followChain(configured.map(key), chain, role, signing)
const leadsTo = (configured: number[], chain: Uint8Array[], keys: number[]) =>
  assert.equal(numbers(follow(configured, chain).keys), numbers(keys.map(key)))

/** 0 → 1 → 2 → 3, each revoking the one before. */
const rotations = [
  signed(1, 0, change([1], [0])),
  signed(2, 1, change([2], [1])),
  signed(3, 2, change([3], [2])),
]

test('a laptop that missed three rotations gets through', () => {
  leadsTo([0], rotations, [3])
  leadsTo([0], rotations.slice(0, 2), [2])
  // One that was made later begins in the middle.
  leadsTo([2], rotations, [3])
})

test('several keys of a role hold at once', () => {
  leadsTo([0, 5], [signed(1, 5, change([1], []))], [0, 5, 1])
  leadsTo([0], [signed(1, 0, change([1, 2], []))], [0, 1, 2])
})

test('a revoked key comes back neither by itself nor by another', () => {
  leadsTo([0, 1], [signed(1, 1, change([], [0])), signed(2, 0, change([4], [1]))], [1])
  leadsTo([0, 1], [signed(1, 1, change([], [0])), signed(2, 1, change([0], []))], [1])
})

test('keys are told apart by every byte, not by their numbers', () => {
  for (const at of [0, 31]) {
    const twin = { ...key(1), key: key(1).key.map((byte, i) => (i === at ? byte ^ 1 : byte)) }
    const configured = [key(0), twin]
    const revoking = [signed(1, 0, change([], [1]))]
    assert.equal(followChain(configured, revoking, 'release', signing).keys, configured)
    const adding = [signed(1, 0, change([1], []))]
    assert.is(followChain(configured, adding, 'release', signing).keys.length, 3)
  }
})

test('attack: foreign, altered, of another role, out of order: nothing follows', () => {
  leadsTo([0], [signed(1, 4, change([4], [0]))], [0])
  const altered = signed(1, 0, change([1], []))
  altered[altered.length - 9] = (altered[altered.length - 9] as number) ^ 1
  leadsTo([0], [altered], [0])
  leadsTo([0], [signed(1, 0, change([1], [], 'push'))], [0])
  assert.equal(numbers(follow([0], [signed(1, 0, change([1], [], 'push'))], 'push').keys), [
    key(0).number,
    key(1).number,
  ])
  // What was replaced by a later one is not followed after it.
  leadsTo([0], [signed(2, 0, change([1], [])), signed(1, 0, change([4], []))], [0, 1])
  leadsTo([0], [signed(2, 0, change([1], [])), signed(2, 0, change([4], []))], [0, 1])
})

test('attack: nobody can be left without a key', () => {
  leadsTo([0], [signed(1, 0, change([], [0]))], [0])
  leadsTo([0, 1], [signed(1, 0, change([], [0, 1]))], [0, 1])
})

test('the publisher extends a chain, each role with numbers of its own', () => {
  let chain: Uint8Array = new Uint8Array(0)
  const extend = (by: number, what: Omit<KeyChange, 'sequence'>) => {
    const result = extendChain(chain, what, secret(by))
    chain = result.chain
    return result.sequence
  }
  assert.is(extend(0, change([1], [0])), 1)
  assert.is(extend(4, change([5], [], 'push')), 1)
  assert.is(extend(1, change([2], [1])), 2)
  assert.is(splitChain(chain).length, 3)
  leadsTo([0], splitChain(chain), [2])
  assert.equal(numbers(follow([4], splitChain(chain), 'push').keys), numbers([key(4), key(5)]))
  assert.throws(
    () => extend(2, change([], [2])),
    (error: unknown) => error instanceof ConfigError && /there is no next key/.test(error.message),
  )
})

test('a key that holds already is not held twice', () => {
  leadsTo([0], [signed(1, 0, change([0, 1], []))], [0, 1])
})

test('a statement of more keys than anybody can keep apart is not followed', () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ ...key(1), key: new Uint8Array(32).fill(i) }))
  const statement = (count: number) => signed(1, 0, { ...change([], []), next: many(count) })
  assert.is(follow([0], [statement(8)]).keys.length, 9)
  assert.is(follow([0], [statement(9)]).keys.length, 1)
})

test('what is no chain is refused, and never read for long', () => {
  const endless = new Uint8Array(200_000).fill(0x0a)
  endless.set(rotations[0] as Uint8Array)
  assert.throws(() => splitChain(endless), /^endless data: /)
  assert.equal(splitChain(new Uint8Array(0)), [])
  for (const bytes of [new Uint8Array(10), new Uint8Array(200_000)]) {
    assert.throws(
      () => splitChain(bytes),
      (error: unknown) => error instanceof TrustError,
    )
  }
})

test.run()
