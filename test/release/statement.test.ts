/** Signed statements: their form, and what is refused. */

import * as assert from 'uvu/assert'
import { AssertionError, TrustError } from '../../src/errors.ts'
import { decodeStatement, encodeStatement } from '../../src/release/statement.ts'
import { test } from '../support/suite.ts'

const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'utf8'))

function refuses(message: Uint8Array, expected: RegExp): void {
  assert.throws(
    () => decodeStatement(message, 'release'),
    (error: unknown) => error instanceof TrustError && expected.test(error.message),
  )
}

test('what is encoded is decoded, with kind first', () => {
  const message = encodeStatement('release', [
    ['version', '42'],
    ['name', 'École = été 🎒'],
    ['empty', ''],
  ])
  assert.is(
    Buffer.from(message).toString('utf8'),
    'kind=release\nversion=42\nname=École = été 🎒\nempty=\n',
  )
  assert.equal(
    [...decodeStatement(message, 'release')],
    [
      ['kind', 'release'],
      ['version', '42'],
      ['name', 'École = été 🎒'],
      ['empty', ''],
    ],
  )
})

test('one kind is never taken for another', () => {
  refuses(bytes('kind=call-home-reply\nversion=42\n'), /"kind=release" was expected/)
  refuses(bytes('kind=release2\n'), /was expected/)
  refuses(bytes('version=42\nkind=release\n'), /begins with "version=42"/)
  refuses(bytes('kind=upgrade-now\nkind=release\n'), /was expected/)
})

test('keys stand once', () => {
  refuses(bytes('kind=release\na=1\na=2\n'), /has a twice/)
  refuses(bytes('kind=release\nkind=release\n'), /has kind twice/)
})

test('malformed lines are refused', () => {
  for (const line of [
    'a',
    '=b',
    'A=b',
    '1=b',
    '-a=b',
    'a_b=c',
    ' a=b',
    'a =b',
    '',
    'é=b',
    'a\0=b',
  ]) {
    refuses(bytes(`kind=release\n${line}\n`), /malformed line/)
  }
  refuses(bytes('kind=release\na=1\n\n'), /malformed line/)
})

test('control characters are refused, and not shown', () => {
  for (const unit of [0, 1, 9, 13, 0x1b, 0x7f, 0x80, 0x9f]) {
    try {
      decodeStatement(bytes(`kind=release\na=${String.fromCharCode(unit)}b\n`), 'release')
      assert.unreachable()
    } catch (error) {
      assert.instance(error, TrustError)
      assert.not.match((error as Error).message, /\p{Cc}/u)
    }
  }
})

test('a text that is cut, empty or not UTF-8 is refused', () => {
  refuses(bytes('kind=release\nversion=42'), /no newline at its end/)
  refuses(bytes('kind=release'), /no newline/)
  refuses(bytes(''), /no newline/)
  refuses(bytes('\n'), /malformed line/)
  refuses(new Uint8Array([...bytes('kind=release\na='), 0xff, 10]), /not UTF-8/)
  refuses(new Uint8Array([...bytes('kind=release\na='), 0xed, 0xa0, 0x80, 10]), /not UTF-8/)
})

test('what no statement can hold is a bug of the caller', () => {
  for (const field of [
    ['a', 'b\nc'],
    ['A', 'b'],
    ['kind', 'x'],
    ['a', '\ud800'],
    ['a', '\x7f'],
  ]) {
    assert.throws(
      () => encodeStatement('release', [field as [string, string]]),
      (error: unknown) => error instanceof AssertionError,
    )
  }
})

test.run()
