/** The lines of the handshake, the password's answer, and the arguments. */

import * as assert from 'uvu/assert'
import { makeChecksums } from '../../native/checksums/checksums.node.ts'
import { files } from '../../native/files/files.node.ts'
import { PeerError } from '../../src/errors.ts'
import { nameOfAddress } from '../../src/rsync/address.ts'
import { CAPABILITIES, serverArguments } from '../../src/rsync/arguments.ts'
import { greetingLine, parseGreeting, passwordAnswer } from '../../src/rsync/handshake.ts'
import { test } from '../support/suite.ts'

const checksums = makeChecksums(files)

test('our greeting names the protocol and the digests, in stock order', () => {
  assert.is(greetingLine(32), '@RSYNCD: 32.0 sha512 sha256 sha1 md5\n')
})

test('greetings of all ages', () => {
  const digests = ['sha512', 'md5']
  assert.equal(parseGreeting('@RSYNCD: 32.0 sha512 md5', 32), { protocol: 32, digests })
  assert.equal(parseGreeting('@RSYNCD: 31.0', 32), { protocol: 31, digests: [] })
  assert.equal(parseGreeting('@RSYNCD: 32.0 sha512 md5', 30), { protocol: 30, digests })
  assert.equal(parseGreeting('@RSYNCD: 40.0 sha512 md5', 32), { protocol: 32, digests })
  assert.is(parseGreeting('@RSYNCD: 31.4', 32).protocol, 30)
})

test('protocols before 30 are refused by their number', () => {
  for (const line of ['@RSYNCD: 29', '@RSYNCD: 27', '@RSYNCD: 30.2']) {
    try {
      parseGreeting(line, 32)
      assert.unreachable()
    } catch (error) {
      assert.instance(error, PeerError)
      assert.is((error as PeerError).kind, 'refused')
      assert.match((error as PeerError).message, /speaks protocol (29|27), but at least 30/)
    }
  }
})

test('what is not an rsync daemon is shown, safely', () => {
  for (const line of ['SSH-2.0-OpenSSH\u001b[2J', 'HTTP/1.1 400', '', '@RSYNCD: x']) {
    assert.throws(() => parseGreeting(line, 32), /is not a greeting of an rsync daemon/)
  }
  assert.throws(() => parseGreeting('\u001b[2J', 32), /\\033\[2J/)
})

test('the password answers the challenge, without padding', () => {
  const address = { host: 'h', port: 873, module: 'm', user: 'xo', password: 'secret' }
  // printf 'secretabc' | openssl md5 -binary | base64, and the same with sha512.
  const weak = { ...address, weakDigests: ['md5'] as const }
  assert.is(passwordAnswer(checksums, weak, 'abc', []), 'xo xCuToaw7OC6IBxUQKWqWzg\n')
  const sha512 = passwordAnswer(checksums, address, 'abc', ['md5', 'sha512'])
  assert.match(sha512, /^xo [A-Za-z0-9+/]{86}\n$/)
})

test('a digest that is weaker than SHA-256 is offered and taken only where it is allowed by name', () => {
  const address = { host: 'h', port: 873, module: 'm', user: 'xo', password: 'secret' }
  assert.is(greetingLine(32, address), '@RSYNCD: 32.0 sha512 sha256\n')
  for (const offered of [['md4'], ['md5'], ['sha1', 'md5'], []]) {
    assert.throws(() => passwordAnswer(checksums, address, 'abc', offered), /knows only/)
  }
  const weak = { ...address, weakDigests: ['sha1'] as const }
  assert.is(greetingLine(32, weak), '@RSYNCD: 32.0 sha512 sha256 sha1\n')
  assert.match(passwordAnswer(checksums, weak, 'abc', ['md5', 'sha1']), /^xo /)
  assert.throws(() => passwordAnswer(checksums, weak, 'abc', ['md5']), /knows only md5/)
  // Who tells no password greets as everybody does.
  assert.is(greetingLine(32), '@RSYNCD: 32.0 sha512 sha256 sha1 md5\n')
})

test('a name never shows the password', () => {
  const address = { host: 'fe80::1', port: 8730, module: 'm\n', user: 'xo', password: 'secret' }
  assert.is(nameOfAddress(address), 'rsync://[fe80::1]:8730/m\\012')
})

test('arguments ask for as little as possible', () => {
  const common = { module: 'xo', timeoutSeconds: 0, capabilities: CAPABILITIES }
  const paths = serverArguments({
    ...common,
    selection: { kind: 'paths', paths: ['latest', '*/manifest'] },
    compression: 'negotiate',
    compressLevel: 9,
  })
  assert.equal(paths.slice(2), [
    '-Rze.LsfxCIvu',
    '--compress-level=9',
    '.',
    'xo/latest',
    'xo/*/manifest',
  ])
  const tree = serverArguments({
    ...common,
    selection: { kind: 'tree', under: '42/ro*t' },
    compression: 'none',
    compressLevel: 9,
  })
  assert.equal(tree.slice(2), ['-re.LsfxCIvu', '.', 'xo/42/ro\\*t/'])
  const names = serverArguments({
    ...common,
    timeoutSeconds: 60,
    selection: { kind: 'files-from', under: '42/root', names: [] },
    compression: 'zlibx',
  })
  assert.equal(names.slice(2), [
    '-Re.LsfxCIvu',
    '--timeout=60',
    '--new-compress',
    '--files-from=-',
    '--from0',
    '.',
    'xo/',
  ])
})

test.run()
