/** Base64 has one spelling for each sequence of bytes; whatever else there is, is no base64. */
import * as assert from 'uvu/assert'
import { decodeBase64, encodeBase64 } from '../../src/release/base64.ts'
import { test } from '../support/suite.ts'

/** Every text of so many characters. */
function* texts(characters: string, length: number): Generator<string> {
  if (length === 0) yield ''
  else
    for (const text of texts(characters, length - 1)) for (const one of characters) yield text + one
}

test('what is read is what would be written, for all texts of up to seven characters', () => {
  for (let length = 0; length <= 7; length++) {
    for (const text of texts('AB/=', length)) {
      const bytes = Buffer.from(text, 'base64')
      const found = decodeBase64(text)
      if (bytes.toString('base64') === text) assert.equal(found, new Uint8Array(bytes), text)
      else assert.is(found, undefined, text)
    }
  }
})

test('characters that are not in it', () => {
  for (const text of ['AA A', 'AAA\n', 'AA-_', 'AAA\xff', 'A=AA', '====']) {
    assert.is(decodeBase64(text), undefined, text)
  }
})

test('bytes of all lengths come back', () => {
  for (let length = 0; length < 50; length++) {
    const bytes = new Uint8Array(length).map((_, index) => 255 - index * 7)
    assert.equal(decodeBase64(encodeBase64(bytes)), bytes)
  }
})

test.run()
