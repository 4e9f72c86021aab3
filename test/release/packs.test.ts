/** The lists of delta packs: in a release, and beside it. */

import * as assert from 'uvu/assert'
import { TrustError } from '../../src/errors.ts'
import { PACKS_LISTED_MAX, PACKS_SIZE_MAX, RELEASE_SIZE_MAX } from '../../src/limits.ts'
import { openPacks, type Pack, signPacks } from '../../src/release/packs.ts'
import { openRelease, type Release, signRelease } from '../../src/release/release.ts'
import { makeKeyPair, publicKeyOf, readSecretKey, sign } from '../../src/release/signify.ts'
import { signing } from '../support/signing.ts'
import { test } from '../support/suite.ts'

const secret = readSecretKey(signing, makeKeyPair(signing, 'test').secretFile)
const keys = [publicKeyOf(secret)]
const stranger = readSecretKey(signing, makeKeyPair(signing, 'stranger').secretFile)
const MANIFEST = 'ab'.repeat(32)
const LISTED_FOR = { version: 42, manifestDigest: MANIFEST }

const pack = (from: number, to: number): Pack => {
  return { from, to, size: 1_900_000, digest: 'cd'.repeat(32), changedBytes: 131_000_000 }
}

const RELEASE: Release = {
  version: 42,
  hardware: 'any',
  deployment: 'any',
  manifestDigest: MANIFEST,
  manifestSize: 8_500_000,
  entries: 57_000,
  imageBytes: 1_450_000_000,
  jumpFrom: 0,
  issued: 1_795_370_400,
  expires: undefined,
}

const textOf = (signed: Uint8Array) =>
  Buffer.from(signed).toString().split('\n').slice(2).join('\n')
const signText = (text: string) => sign(new Uint8Array(Buffer.from(text)), secret, 'x')

function refuses(action: () => unknown, message: RegExp): void {
  assert.throws(action, (error: unknown) => {
    assert.instance(error, TrustError)
    assert.match((error as Error).message, message)
    return true
  })
}

test('a release without packs has the bytes that it always had', () => {
  const plain = textOf(signRelease(RELEASE, secret, 'x'))
  assert.is(textOf(signRelease({ ...RELEASE, packs: [] }, secret, 'x')), plain)
  assert.not.match(plain, /pack/)
})

test('a release lists its packs in one order, and they are read again', () => {
  const packs = [pack(41, 42), pack(0, 42), pack(40, 41)]
  const signed = signRelease({ ...RELEASE, packs }, secret, 'x')
  const shuffled = signRelease({ ...RELEASE, packs: [...packs].reverse() }, secret, 'x')
  assert.is(textOf(shuffled), textOf(signed))
  assert.match(textOf(signed), /^pack-41-42=1900000 (cd){32} 131000000$/m)
  assert.equal(openRelease(signed, keys), { ...RELEASE, packs })
})

test('a list beside a release is signed for that release alone', () => {
  const signed = signPacks(LISTED_FOR, [pack(41, 42)], secret, 'x')
  assert.match(textOf(signed), /^kind=packs\nversion=42\nmanifest-sha256=(ab){32}\npack-41-42=/)
  assert.equal(openPacks(signed, LISTED_FOR, keys), [pack(41, 42)])
  refuses(() => openPacks(signed, { ...LISTED_FOR, version: 43 }, keys), /another release than/)
  const other = { ...LISTED_FOR, manifestDigest: 'ef'.repeat(32) }
  refuses(() => openPacks(signed, other, keys), /another release than/)
})

test('a list that a stranger signed, or that was bent on its way, is refused', () => {
  const packs = [pack(41, 42)]
  refuses(
    () => openPacks(signPacks(LISTED_FOR, packs, stranger, 'x'), LISTED_FOR, keys),
    /unknown key/,
  )
  const bent = signPacks(LISTED_FOR, packs, secret, 'x')
  bent[bent.length - 3] = (bent[bent.length - 3] as number) ^ 1
  refuses(() => openPacks(bent, LISTED_FOR, keys), /forged/)
  refuses(() => openPacks(signRelease(RELEASE, secret, 'x'), LISTED_FOR, keys), /kind=packs/)
})

test('a list of the allowed size is read, and one of a byte more is not', () => {
  const head = textOf(signPacks(LISTED_FOR, [pack(41, 42)], secret, 'x'))
  const room = PACKS_SIZE_MAX - signText(`${head}more=\n`).length
  const full = signText(`${head}more=${'x'.repeat(room)}\n`)
  assert.is(full.length, PACKS_SIZE_MAX)
  assert.equal(openPacks(full, LISTED_FOR, keys), [pack(41, 42)])
  const over = signText(`${head}more=${'x'.repeat(room + 1)}\n`)
  refuses(() => openPacks(over, LISTED_FOR, keys), /at most 8192 allowed/)
})

test('lines that only a newer program can read are no packs, and cost no release', () => {
  const lines = [
    `pack-42-41=5 ${'cd'.repeat(32)} 5`,
    `pack-41-41=5 ${'cd'.repeat(32)} 5`,
    `pack-041-42=5 ${'cd'.repeat(32)} 5`,
    `pack-40-42=5 ${'CD'.repeat(32)} 5`,
    `pack-39-42=0 ${'cd'.repeat(32)} 5`,
    'pack-38-42=5 blake3:cd 5',
    `pack-37-42=5 ${'cd'.repeat(32)}`,
    `pack-1000000000-1000000001=5 ${'cd'.repeat(32)} 5`,
    'pack-format=2',
  ]
  const text = `kind=packs\nversion=42\nmanifest-sha256=${MANIFEST}\n${lines.join('\n')}\n`
  assert.equal(openPacks(signText(text), LISTED_FOR, keys), [])
})

test('as many packs as may be listed fit into a release of long values, and no more are read', () => {
  const long = (at: number): Pack => ({
    ...pack(999_999_000 - at, 999_999_999 - at),
    size: 10_000_000_000,
    changedBytes: 10_000_000_000,
  })
  const packs = Array.from({ length: PACKS_LISTED_MAX + 1 }, (_, at) => long(at))
  const audience = 'x'.repeat(100)
  const release = { ...RELEASE, hardware: audience, deployment: audience }
  const signed = signRelease({ ...release, packs: packs.slice(0, -1) }, secret, 'x')
  assert.ok(signed.length < RELEASE_SIZE_MAX)
  assert.is(openRelease(signed, keys).packs?.length, PACKS_LISTED_MAX)
  const more = signPacks(LISTED_FOR, packs, secret, 'x')
  assert.equal(openPacks(more, LISTED_FOR, keys), packs.slice(0, -1))
})

test.run()
