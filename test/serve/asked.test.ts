/** What a client's arguments come to: the options of stock clients, refusals in rsync's words. */
import * as assert from 'uvu/assert'
import { readArguments } from '../../src/serve/asked.ts'
import { test } from '../support/suite.ts'

const SERVER = ['--server', '--sender']

const refusalOf = (...words: string[]) => readArguments([...SERVER, ...words]).refusal?.words

test('what a stock client sends for -aHz', () => {
  const asked = readArguments([...SERVER, '-lHogDtprze.iLsfxCIvu', '--timeout=30', '.', 'xo/a b'])
  assert.is(asked.refusal, undefined)
  assert.is(asked.capabilities, 'iLsfxCIvu')
  const { links, hardLinks, owners, groups, devices, specials, recursive, compress } = asked
  const all = { links, hardLinks, owners, groups, devices, specials, recursive, compress }
  assert.ok(Object.values(all).every(Boolean), JSON.stringify(all))
  assert.is(asked.timeoutSeconds, 30)
  assert.equal(asked.paths, ['xo/a b'])
})

test('a pre-release says its version before its letters', () => {
  assert.is(readArguments([...SERVER, '-re32.1LsfxCIvu', '.', 'xo/']).capabilities, 'LsfxCIvu')
})

test('values come after an equals sign or as the next word, and backslashes are undone before the dot', () => {
  assert.is(readArguments([...SERVER, '--timeout', '7', '.', 'x']).timeoutSeconds, 7)
  const asked = readArguments([...SERVER, '--checksum-choice=xxh\\128', '.', 'xo/a\\*'])
  assert.is(asked.checksumChoice, 'xxh128')
  assert.equal(asked.paths, ['xo/a\\*'])
})

test('the second list of -s passes through the same table, with nothing undone', () => {
  const first = readArguments([...SERVER, '-lse.LsfxCIvu'])
  assert.ok(first.secluded)
  const asked = readArguments(['--delete', '.', 'xo/x'], first)
  assert.is(asked.refusal?.words, 'The server is configured to refuse --delete')
  assert.equal(asked.paths, ['xo/x'])
})

test('what writes is refused by name, and what nobody knows as unknown', () => {
  assert.is(
    refusalOf('--remove-source-files'),
    'The server is configured to refuse --remove-source-files',
  )
  assert.is(refusalOf('--log-file=/etc/x'), 'The server is configured to refuse --log-file')
  assert.is(refusalOf('-lXe.v'), 'The server is configured to refuse --xattrs (-X)')
  assert.is(refusalOf('--no-such'), 'on remote machine: --no-such: unknown option')
  assert.is(refusalOf('-lZ'), 'on remote machine: -Z: unknown option')
  assert.is(refusalOf('--constructor'), 'on remote machine: --constructor: unknown option')
  assert.match(refusalOf('--files-from', '/etc/passwd') ?? '', /refuse --files-from/)
})

test('numbers out of their range are refused', () => {
  for (const word of ['--timeout=-1', '--timeout=99999', '--checksum-seed=x', '--bwlimit=']) {
    assert.match(refusalOf(word) ?? '', /invalid numeric value/)
  }
})

test('the letters after a refused one count, so that the answer can be framed', () => {
  assert.is(readArguments([...SERVER, '-lXre.LsfxCIvu']).capabilities, 'LsfxCIvu')
})

test.run()
