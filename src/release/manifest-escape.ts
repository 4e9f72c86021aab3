/**
 * The escapes of mtree(5) words: octal as we and bsdtar write them, and vis(3)'s C style as NetBSD's
 * mtree writes them. All texts here are byte strings. A malformed escape is `undefined`, never a guess.
 */

// What a word of a line can't hold as it is: all that is not printable, and mtree's own marks.
const UNSAFE = /[^!-~]|[\\#=*?[]/g
// Commas separate the words of `tags`, and colons their parts.
const UNSAFE_IN_TAG = /[^!-~]|[\\#=*?[,:]/g

const octal = (byte: string) => `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`

/** A path or link text, as it is written in a line. */
export function escapeWord(bytes: string): string {
  return bytes.replace(UNSAFE, octal)
}

/** A part of a word of `tags`. */
export function escapeTag(bytes: string): string {
  return bytes.replace(UNSAFE_IN_TAG, octal)
}

/** vis(3)'s letters, with what they stand for. */
const LETTERS: { [letter: string]: string } = {
  s: ' ',
  t: '\t',
  n: '\n',
  r: '\r',
  a: '\x07',
  b: '\b',
  v: '\v',
  f: '\f',
  '\\': '\\',
  '#': '#',
}

/** The bytes that a word stands for; undefined if an escape is malformed, or there would be a NUL in them. */
export function unescapeWord(word: string): string | undefined {
  if (word.includes('\0')) return undefined
  let from = word.indexOf('\\')
  if (from < 0) return word
  let bytes = word.slice(0, from)
  while (from < word.length) {
    const read = readEscape(word, from + 1)
    if (read === undefined || read.byte === '\0') return undefined
    const next = word.indexOf('\\', read.end)
    const plainEnd = next < 0 ? word.length : next
    bytes += read.byte + word.slice(read.end, plainEnd)
    from = plainEnd
  }
  return bytes
}

interface Escape {
  byte: string
  /** Where the text goes on. */
  end: number
}

/** One escape, from the character after its backslash. */
function readEscape(word: string, start: number): Escape | undefined {
  const first = word.charAt(start)
  if (first >= '0' && first <= '7') return readOctal(word, start)
  const letter = LETTERS[first]
  if (letter !== undefined) return { byte: letter, end: start + 1 }
  if (first === '^') return readControl(word, start + 1, 0)
  if (first !== 'M') return undefined
  const second = word.charAt(start + 1)
  if (second === '^') return readControl(word, start + 2, 0x80)
  const unit = word.charCodeAt(start + 2)
  if (second !== '-' || !(unit > 0x20 && unit < 0x7f)) return undefined
  return { byte: String.fromCharCode(unit | 0x80), end: start + 3 }
}

function readOctal(word: string, start: number): Escape | undefined {
  let value = 0
  let end = start
  while (end < start + 3) {
    const digit = word.charCodeAt(end) - 0x30
    if (!(digit >= 0 && digit <= 7)) break
    value = value * 8 + digit
    end++
  }
  return value > 0xff ? undefined : { byte: String.fromCharCode(value), end }
}

/** `^A` is 0x01, `^?` is 0x7f. */
function readControl(word: string, start: number, high: number): Escape | undefined {
  const unit = word.charCodeAt(start)
  if (unit === 0x3f) return { byte: String.fromCharCode(0x7f | high), end: start + 1 }
  if (!(unit >= 0x40 && unit <= 0x5f)) return undefined
  return { byte: String.fromCharCode((unit - 0x40) | high), end: start + 1 }
}
