/** Text that anybody may have written, on its way to a terminal, a log, or a program that reads JSON. */

import * as assert from 'uvu/assert'
import { bytesOfText, harmless, jsonLine, show, textOfBytes, trimmed } from '../src/text.ts'
import { test } from './support/suite.ts'

/** Each with how it is spelled out. */
const HARMFUL: [string, string][] = [
  ['\x1b[2J', '\\033[2J'],
  ['\r\n\t\0', '\\015\\012\\011\\000'],
  ['\x7f\x9b', '\\177\\233'],
  ['a\u202etxt.exe', 'a\\u202etxt.exe'],
  ['\u202a\u202b\u202c\u202d', '\\u202a\\u202b\\u202c\\u202d'],
  ['\u2066\u2067\u2068\u2069', '\\u2066\\u2067\\u2068\\u2069'],
  ['\u2028\u2029', '\\u2028\\u2029'],
  ['\u200e\u200f\u061c', '\\u200e\\u200f\\u061c'],
]

test('what does harm on a terminal is spelled out', () => {
  for (const [text, expected] of HARMFUL) {
    assert.is(harmless(text), expected)
    assert.is(show(bytesOfText(text)), expected)
  }
  const words = 'Ünïcödé 日本 \u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 😀'
  assert.is(harmless(words), words)
  assert.is(show(bytesOfText(words)), words)
  assert.is(show('\xff\x1bx'), '\\377\\033x')
})

test('JSON says the same, and does no harm where somebody looks at it', () => {
  for (const [text] of HARMFUL) {
    const line = jsonLine({ text })
    assert.is(harmless(line.slice(0, -1)), line.slice(0, -1))
    assert.equal(JSON.parse(line), { text })
  }
})

test('half a character has no bytes, and stops nobody', () => {
  assert.is(textOfBytes(bytesOfText('a\ud83d')), 'a?')
  assert.is(textOfBytes(bytesOfText('\ude00\ud83d\ude00')), '?😀')
})

test('ends are taken off, and nothing in between', () => {
  assert.is(trimmed('//a//b//', '/'), 'a//b')
  assert.is(trimmed(' \t \t', ' \t'), '')
  assert.is(trimmed('', '/'), '')
})

test.run()
