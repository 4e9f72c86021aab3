/** Signify keys and signatures, also against the stock tool. */

import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { random } from '../../native/random/random.node.ts'
import { ConfigError, TrustError, type UpgradeError } from '../../src/errors.ts'
import {
  makeKeyPair,
  publicKeyOf,
  readPublicKey,
  readSecretKey,
  sign,
  verifySignature,
} from '../../src/release/signify.ts'
import { scratch } from '../support/scratch.ts'
import { signing } from '../support/signing.ts'
import { mustRun, run } from '../support/stock-tool.ts'
import { test } from '../support/suite.ts'

const MESSAGE = new Uint8Array(Buffer.from('kind=release\nversion=42\n'))
const pair = makeKeyPair(signing, 'test')
const secret = readSecretKey(signing, pair.secretFile)
const key = readPublicKey(signing, pair.publicFile, 'test.pub')

function refuses(
  action: () => unknown,
  Kind: new (message: string) => UpgradeError,
  message: RegExp,
) {
  assert.throws(action, (error: unknown) => {
    assert.instance(error, Kind)
    assert.match((error as Error).message, message)
    return true
  })
}

test('signify checks what we sign, with the key that we made', () => {
  const folder = scratch('signify')
  writeFileSync(join(folder, 'a.pub'), pair.publicFile, 'latin1')
  writeFileSync(join(folder, 'a.signed'), sign(MESSAGE, secret, 'verify with a.pub'))
  const args = ['-V', '-e', '-p', 'a.pub', '-x', 'a.signed', '-m', '-']
  assert.match(mustRun('signify-openbsd', args, { cwd: folder }), /version=42/)
  const altered = readFileSync(join(folder, 'a.signed'))
  altered[altered.length - 2] = 0x33
  writeFileSync(join(folder, 'a.signed'), altered)
  assert.is.not(run('signify-openbsd', args, { cwd: folder }).status, 0)
})

test('we check what signify signs, with the key that it made', () => {
  const folder = scratch('signify')
  mustRun('signify-openbsd', ['-G', '-n', '-p', 'b.pub', '-s', 'b.sec'], { cwd: folder })
  writeFileSync(join(folder, 'b'), MESSAGE)
  mustRun('signify-openbsd', ['-S', '-e', '-s', 'b.sec', '-m', 'b', '-x', 'b.signed'], {
    cwd: folder,
  })
  const theirs = readPublicKey(signing, readFileSync(join(folder, 'b.pub'), 'latin1'))
  const signed = new Uint8Array(readFileSync(join(folder, 'b.signed')))
  assert.equal(verifySignature(signed, [key, theirs], 'b'), MESSAGE)
  const theirSecret = readSecretKey(signing, readFileSync(join(folder, 'b.sec'), 'latin1'))
  assert.equal(publicKeyOf(theirSecret).key, theirs.key)
  assert.is(theirSecret.number, theirs.number)
  // Ed25519 is deterministic: the same key and message give the same bytes from both.
  assert.equal(sign(MESSAGE, theirSecret, 'verify with b.pub'), signed)
})

test('signify signs with the key that we made', () => {
  const folder = scratch('signify')
  writeFileSync(join(folder, 'a.sec'), pair.secretFile, 'latin1')
  chmodSync(join(folder, 'a.sec'), 0o600)
  writeFileSync(join(folder, 'a'), MESSAGE)
  mustRun('signify-openbsd', ['-S', '-e', '-s', 'a.sec', '-m', 'a', '-x', 'a.signed'], {
    cwd: folder,
  })
  const signed = new Uint8Array(readFileSync(join(folder, 'a.signed')))
  assert.equal(verifySignature(signed, [key], 'a'), MESSAGE)
})

test('each key pair is another one', () => {
  const other = makeKeyPair(signing, 'test')
  assert.is.not(other.number, pair.number)
  assert.is.not(other.publicFile, pair.publicFile)
  assert.is.not(other.secretFile, pair.secretFile)
})

test('several keys of a role: any of them will do, and only they', () => {
  const others = Array.from({ length: 3 }, () =>
    readPublicKey(signing, makeKeyPair(signing, 'x').publicFile),
  )
  const signed = sign(MESSAGE, secret, 'x')
  assert.equal(verifySignature(signed, [...others, key], 'it'), MESSAGE)
  refuses(
    () => verifySignature(signed, others, 'it'),
    TrustError,
    /unknown key: it is signed by key/,
  )
  refuses(() => verifySignature(signed, [], 'it'), TrustError, /trusted are none/)
})

test('attack: another key under the number of a trusted one', () => {
  const forger = {
    ...readSecretKey(signing, makeKeyPair(signing, 'x').secretFile),
    number: key.number,
  }
  refuses(() => verifySignature(sign(MESSAGE, forger, 'x'), [key], 'it'), TrustError, /forged/)
  // Two trusted keys may share a number; each is tried.
  assert.equal(
    verifySignature(sign(MESSAGE, forger, 'x'), [key, publicKeyOf(forger)], 'it'),
    MESSAGE,
  )
})

test('attack: any one bit of a signed file altered', () => {
  const signed = sign(MESSAGE, secret, 'verify with test.pub')
  const commentEnd = signed.indexOf(10)
  for (let at = 0; at < signed.length; at++) {
    const altered = signed.slice()
    altered[at] = (altered[at] as number) ^ (1 << (at % 8))
    try {
      const message = verifySignature(altered, [key], 'it')
      // The comment is for people, and not signed.
      assert.ok(at < commentEnd, `byte ${at}`)
      assert.equal(message, MESSAGE)
    } catch (error) {
      assert.instance(error, TrustError, String(error))
    }
  }
})

test('attack: a signed file cut at any byte, or with bytes added', () => {
  const signed = sign(MESSAGE, secret, 'verify with test.pub')
  for (let length = 0; length < signed.length; length++) {
    refuses(() => verifySignature(signed.slice(0, length), [key], 'it'), TrustError, /it /)
  }
  const longer = new Uint8Array(signed.length + 1)
  longer.set(signed)
  refuses(() => verifySignature(longer, [key], 'it'), TrustError, /forged/)
})

test('no bytes crash it', () => {
  const texts = [
    '',
    '\n',
    '\n\n',
    'untrusted comment: ',
    'untrusted comment: \n',
    'untrusted comment: \n\n',
    `untrusted comment: ${'x'.repeat(5000)}\n`,
  ]
  for (const text of texts) {
    refuses(
      () => verifySignature(new Uint8Array(Buffer.from(text)), [key], 'it'),
      TrustError,
      /not a signed statement/,
    )
    refuses(() => readPublicKey(signing, text, 'it'), ConfigError, /not a public key file/)
    refuses(() => readSecretKey(signing, text, 'it'), ConfigError, /not a secret key file/)
  }
  for (let i = 0; i < 300; i++) {
    const noise = random.randomBytes(i)
    assert.throws(
      () => verifySignature(noise, [key], 'it'),
      (error: unknown) => error instanceof TrustError,
    )
    const line = `untrusted comment: x\n${Buffer.from(noise).toString('base64')}\n`
    assert.throws(
      () => readPublicKey(signing, line),
      (error: unknown) => error instanceof ConfigError,
    )
    assert.throws(
      () => readSecretKey(signing, line),
      (error: unknown) => error instanceof ConfigError,
    )
  }
})

test('key files that are wrong say what is wrong', () => {
  const lines = pair.publicFile.split('\n')
  const [comment = '', base64 = ''] = lines
  const bytes = Buffer.from(base64, 'base64')
  const withBytes = (changed: Buffer) => `${comment}\n${changed.toString('base64')}\n`
  refuses(
    () => readPublicKey(signing, pair.secretFile, 'k'),
    ConfigError,
    /k .*holds 104 bytes; 42 were/,
  )
  refuses(
    () => readSecretKey(signing, pair.publicFile, 'k'),
    ConfigError,
    /k .*holds 42 bytes; 104 were/,
  )
  refuses(() => readPublicKey(signing, `${comment}\n`, 'k'), ConfigError, /ends before/)
  refuses(
    () => readPublicKey(signing, `${pair.publicFile}x`, 'k'),
    ConfigError,
    /more than two lines/,
  )
  refuses(
    () => readPublicKey(signing, `${comment}\n!${base64.slice(1)}\n`, 'k'),
    ConfigError,
    /not base64/,
  )
  refuses(
    () => readPublicKey(signing, `comment\n${base64}\n`, 'k'),
    ConfigError,
    /does not begin with/,
  )
  refuses(() => readPublicKey(signing, withBytes(bytes.subarray(1)), 'k'), ConfigError, /41 bytes/)
  refuses(
    () => readPublicKey(signing, withBytes(Buffer.from([69, 101, ...bytes.subarray(2)])), 'k'),
    ConfigError,
    /another algorithm/,
  )
})

test('key files are read as editors leave them: line ends of Windows, blank lines, no last line end', () => {
  const [comment = '', base64 = ''] = pair.publicFile.split('\n')
  const { number } = readPublicKey(signing, pair.publicFile)
  for (const text of [
    `${comment}\r\n${base64}\r\n`,
    `${comment}\n${base64}\n\n \n`,
    `${comment}\n${base64}`,
    `\xef\xbb\xbf${comment}\r\n${base64}\r\n\r\n`,
  ]) {
    assert.is(readPublicKey(signing, text).number, number)
  }
  readSecretKey(signing, pair.secretFile.replace(/\n/g, '\r\n'))
})

test('a damaged or protected secret key says so', () => {
  const [comment = '', base64 = ''] = pair.secretFile.split('\n')
  const altered = (at: number, value: number) => {
    const bytes = Buffer.from(base64, 'base64')
    bytes[at] = value
    return `${comment}\n${bytes.toString('base64')}\n`
  }
  refuses(() => readSecretKey(signing, altered(7, 42), 'k'), ConfigError, /passphrase/)
  refuses(() => readSecretKey(signing, altered(3, 0), 'k'), ConfigError, /does not know/)
  const last = Buffer.from(base64, 'base64')[103] as number
  refuses(() => readSecretKey(signing, altered(103, last ^ 1), 'k'), ConfigError, /checksum/)
})

test('a comment that no signify file can hold', () => {
  refuses(() => sign(MESSAGE, secret, 'x'.repeat(1024)), ConfigError, /too long/)
  const signed = Buffer.from(sign(MESSAGE, secret, 'a\nb')).toString('latin1')
  assert.match(signed, /^untrusted comment: unnamed\n/)
})

test.run()
