/** Key pairs: what is written, and never overwritten. */

import { lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { ConfigError } from '../../src/errors.ts'
import { generateKeys, loadSecretKey } from '../../src/publish/keygen.ts'
import { publicKeyOf, readPublicKey } from '../../src/release/signify.ts'
import { scratch } from '../support/scratch.ts'
import { signing } from '../support/signing.ts'
import { mustRun } from '../support/stock-tool.ts'
import { test } from '../support/suite.ts'
import { host } from './support.ts'

function refuses(action: () => unknown, message: RegExp) {
  assert.throws(action, (error: unknown) => {
    assert.instance(error, ConfigError, String(error))
    assert.match((error as Error).message, message)
    return true
  })
}

test('a key pair is two files that belong together, and signify takes them', () => {
  const directory = `${scratch('keys')}/made`
  const before = process.umask(0o077)
  let result: ReturnType<typeof generateKeys>
  try {
    result = generateKeys(host, { directory, name: 'release' })
  } finally {
    process.umask(before)
  }
  assert.is(result.publicFile, `${directory}/release.pub`)
  assert.is(lstatSync(result.publicFile).mode & 0o7777, 0o644)
  assert.is(lstatSync(result.secretFile).mode & 0o7777, 0o600)
  const secret = loadSecretKey(host, result.secretFile)
  const key = readPublicKey(signing, readFileSync(result.publicFile, 'latin1'))
  assert.equal(publicKeyOf(secret).key, key.key)
  assert.is(secret.number, result.number)
  assert.is(key.number, result.number)
  writeFileSync(`${directory}/text`, 'text')
  mustRun('signify-openbsd', ['-S', '-s', result.secretFile, '-m', 'text'], { cwd: directory })
  mustRun('signify-openbsd', ['-V', '-p', result.publicFile, '-m', 'text'], { cwd: directory })
})

test('a key that is there is never replaced', () => {
  const directory = scratch('keys')
  generateKeys(host, { directory, name: 'a' })
  const before = readFileSync(`${directory}/a.sec`)
  refuses(() => generateKeys(host, { directory, name: 'a' }), /a\.pub exists/)
  writeFileSync(`${directory}/b.sec`, 'x')
  refuses(() => generateKeys(host, { directory, name: 'b' }), /b\.sec exists/)
  assert.equal(readFileSync(`${directory}/a.sec`), before)
  assert.equal(readdirSync(directory).sort(), ['a.pub', 'a.sec', 'b.sec'])
})

test('names that are no file names are refused', () => {
  const directory = scratch('keys')
  for (const name of ['', '.', '..', '../a', 'a/b', '.hidden', 'a\nb', 'x'.repeat(201), '\xff']) {
    refuses(() => generateKeys(host, { directory, name }), /name of the key is/)
  }
  refuses(() => generateKeys(host, { directory: `${directory}/a/b`, name: 'a' }), /there is no/)
  assert.equal(readdirSync(directory), [])
  generateKeys(host, { directory, name: 'caf\xc3\xa9' })
  assert.match(
    readFileSync(`${directory}/café.pub`, 'utf8'),
    /^untrusted comment: café public key\n/,
  )
})

test('what is not a secret key file is refused by its name', () => {
  const directory = scratch('keys')
  writeFileSync(`${directory}/large`, Buffer.alloc(5000))
  refuses(() => loadSecretKey(host, `${directory}/large`), /large has more than/)
  writeFileSync(`${directory}/empty`, '')
  refuses(() => loadSecretKey(host, `${directory}/empty`), /empty is not a secret key file/)
})

test.run()
