/** Releases: who may take what. */

import * as assert from 'uvu/assert'
import { TrustError } from '../../src/errors.ts'
import { formatInstant, parseInstant } from '../../src/release/fields.ts'
import {
  admit,
  type DeviceTraits,
  openRelease,
  type Release,
  readRelease,
  signRelease,
} from '../../src/release/release.ts'
import { makeKeyPair, publicKeyOf, readSecretKey, sign } from '../../src/release/signify.ts'
import { signing } from '../support/signing.ts'
import { test } from '../support/suite.ts'

const secret = readSecretKey(signing, makeKeyPair(signing, 'test').secretFile)
const keys = [publicKeyOf(secret)]

const RELEASE: Release = {
  version: 42,
  hardware: 'xo-1',
  deployment: 'any',
  manifestDigest: 'ab'.repeat(32),
  manifestSize: 8_500_000,
  entries: 57_000,
  imageBytes: 1_450_000_000,
  jumpFrom: 40,
  issued: 1_795_370_400,
  expires: 1_826_906_400,
}

const DEVICE: DeviceTraits = {
  hardware: 'xo-1',
  deployment: 'peru',
  running: 41,
  floor: 41,
  trustedSeconds: 1_795_370_400,
}

const TEXT = `kind=release
version=42
hardware=xo-1
deployment=any
manifest-sha256=${'ab'.repeat(32)}
manifest-size=8500000
entries=57000
image-bytes=1450000000
jump-from=40
issued=2026-11-22T18:00:00Z
expires=2027-11-22T18:00:00Z
`

const signText = (text: string) => sign(new Uint8Array(Buffer.from(text)), secret, 'x')

function refuses(action: () => unknown, message: RegExp): void {
  assert.throws(action, (error: unknown) => {
    assert.instance(error, TrustError)
    assert.match((error as Error).message, message)
    return true
  })
}

test('a release is signed in its text form, and opened again', () => {
  const signed = signRelease(RELEASE, secret, 'x')
  assert.ok(Buffer.from(signed).toString().endsWith(`\n${TEXT}`))
  assert.equal(openRelease(signed, keys), RELEASE)
  assert.equal(readRelease(signed), RELEASE)
  const endless = { ...RELEASE, expires: undefined }
  assert.equal(openRelease(signRelease(endless, secret, 'x'), keys), endless)
})

test('an unknown key of a newer statement is ignored', () => {
  assert.equal(openRelease(signText(`${TEXT}delta-41=abc\n`), keys), RELEASE)
})

test('a statement that lacks or bends a value is refused, although it is signed', () => {
  const bent: [string | RegExp, string, RegExp][] = [
    [/version=.*\n/, '', /no version/],
    [/hardware=.*\n/, '', /no hardware/],
    [/deployment=.*\n/, '', /no deployment/],
    [/manifest-sha256=.*\n/, '', /no manifest-sha256/],
    [/manifest-size=.*\n/, '', /no manifest-size/],
    [/entries=.*\n/, '', /no entries/],
    [/image-bytes=.*\n/, '', /no image-bytes/],
    [/jump-from=.*\n/, '', /no jump-from/],
    [/issued=.*\n/, '', /no issued/],
    ['version=42', 'version=0', /version=0; allowed: 1 to 999999999/],
    ['version=42', 'version=1000000000', /allowed: 1 to 999999999/],
    ['version=42', 'version=042', /version=042/],
    ['version=42', 'version=4.2e1', /version=4.2e1/],
    ['version=42', 'version=-42', /version=-42/],
    ['version=42', 'version= 42', /version= 42/],
    ['version=42', 'version=', /version=;/],
    ['xo-1', '', /hardware/],
    ['xo-1', ' ', /hardware/],
    ['xo-1', 'x'.repeat(101), /hardware/],
    ['abab', 'ABAB', /manifest-sha256/],
    ['abab', 'ab', /manifest-sha256/],
    ['8500000', '0', /manifest-size/],
    ['8500000', '67108865', /to 67108864/],
    ['57000', '99999999999', /entries/],
    ['1450000000', '9007199254740993', /image-bytes/],
    ['jump-from=40', 'jump-from=43', /jump-from/],
    ['2026-11-22T18:00:00Z', '2026-11-22 18:00:00Z', /issued/],
    ['2026-11-22T18:00:00Z', '2026-02-30T18:00:00Z', /issued/],
    ['2027-11-22T18:00:00Z', '', /expires/],
    ['2027-11-22T18:00:00Z', 'never', /expires/],
  ]
  for (const [from, to, message] of bent) {
    const text = TEXT.replace(from, to)
    assert.is.not(text, TEXT)
    refuses(() => openRelease(signText(text), keys), message)
  }
})

test('attack: a statement of another kind, signed by the same key', () => {
  refuses(
    () => openRelease(signText(TEXT.replace('=release', '=upgrade-now')), keys),
    /was expected/,
  )
})

test('attack: a statement that is too large is refused before its signature is computed', () => {
  const large = new Uint8Array(8 * 1024 * 1024)
  large.set(signRelease(RELEASE, secret, 'x'))
  const started = performance.now()
  refuses(() => openRelease(large, keys), /8388608 bytes; at most 8192/)
  refuses(() => readRelease(large), /8388608 bytes/)
  assert.ok(performance.now() - started < 100)
})

test('attack: any one bit of the file altered never makes another release', () => {
  const signed = signRelease(RELEASE, secret, 'verify with test.pub')
  for (let at = 0; at < signed.length; at++) {
    const altered = signed.slice()
    altered[at] = (altered[at] as number) ^ (1 << (at % 8))
    try {
      assert.equal(openRelease(altered, keys), RELEASE)
      assert.ok(at < signed.indexOf(10), String(at))
    } catch (error) {
      assert.instance(error, TrustError, String(error))
    }
  }
})

test('instants have one form', () => {
  assert.is(parseInstant('2026-11-22T18:00:00Z'), 1_795_370_400)
  assert.is(parseInstant('1970-01-01T00:00:00Z'), 0)
  assert.is(formatInstant(0), '1970-01-01T00:00:00Z')
  for (const text of [
    '',
    '2026-11-22',
    '2026-11-22T18:00:00',
    '2026-11-22T18:00:00+00:00',
    '2026-11-22T24:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-11-22T18:00:00.000Z',
  ]) {
    assert.is(parseInstant(text), undefined, text)
  }
})

test('a device takes the next release for it', () => {
  admit(RELEASE, DEVICE)
  admit({ ...RELEASE, hardware: 'any', deployment: 'peru' }, DEVICE)
  // The same version again: nothing is older, and what is there can be repaired.
  admit(RELEASE, { ...DEVICE, running: 42, floor: 42 })
  // A new device has nothing to jump from.
  admit({ ...RELEASE, version: 20_261_122 }, { ...DEVICE, running: 0, floor: 0 })
  admit({ ...RELEASE, version: 1_000_041 }, DEVICE)
  admit(RELEASE, { ...DEVICE, trustedSeconds: 1_826_906_400 })
  admit({ ...RELEASE, expires: undefined }, { ...DEVICE, trustedSeconds: 9e9 })
  admit({ ...RELEASE, jumpFrom: 0 }, { ...DEVICE, running: 1 })
})

test('attacks and mistakes are refused by their names', () => {
  const cases: [Partial<Release>, Partial<DeviceTraits>, RegExp][] = [
    [{ hardware: 'xo-4' }, {}, /^wrong hardware: version 42 is for "xo-4", this is "xo-1"/],
    [{}, { hardware: 'any' }, /^wrong hardware/],
    [{ deployment: 'uruguay' }, {}, /^wrong deployment: .*"uruguay".*"peru"/],
    [{}, { floor: 43 }, /^rollback: version 42 is older than version 43/],
    [{ version: 1_000_042 }, {}, /^fast-forward/],
    [{}, { trustedSeconds: 1_826_906_401 }, /^freeze: version 42 expired at 2027-11-22T18:00:00Z/],
    [{}, { running: 39 }, /^jump too far: version 42 can follow version 40 or a later one/],
  ]
  for (const [release, device, message] of cases) {
    refuses(() => admit({ ...RELEASE, ...release }, { ...DEVICE, ...device }), message)
  }
})

test.run()
