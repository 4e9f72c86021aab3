/**
 * Byte strings and texts. Names travel as byte strings (one UTF-16 unit a byte); people read text.
 * Nothing else converts between the two.
 */

/** The UTF-8 bytes of a text, as a byte string. Half a character, which has none, becomes a question mark. */
export function bytesOfText(text: string): string {
  return unescape(encodeURIComponent(text.replace(/[\ud800-\udfff]/gu, '?')))
}

/** The text whose UTF-8 bytes these are; undefined if they are no UTF-8. */
export function textOfBytes(bytes: string): string | undefined {
  try {
    return decodeURIComponent(escape(bytes))
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}

/** Whether it can be the name of a file or a host: a byte each, and no NUL. The system takes nothing else. */
export function isByteString(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are bytes, too.
  return /^[\x01-\xff]*$/.test(text)
}

/**
 * What a terminal takes for a command, a line's end in any alphabet, and what turns the order of the
 * characters around it.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const HARMFUL = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/**
 * One line as it may stand on a terminal or in a log, whoever made its words: what does harm there is
 * spelled out, as `\ooo` or `\uXXXX`. All output goes through this, or through `jsonLine`.
 */
export function harmless(line: string): string {
  return line.replace(HARMFUL, (character) => {
    const code = character.charCodeAt(0)
    if (code < 256) return `\\${code.toString(8).padStart(3, '0')}`
    return `\\u${code.toString(16).padStart(4, '0')}`
  })
}

/** A record as one line of JSON, which says the same and does no harm where somebody looks at it. */
export function jsonLine(record: object): string {
  const line = JSON.stringify(record).replace(HARMFUL, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
  return `${line}\n`
}

/** A byte string from anywhere, to be shown: harmless, and bytes that are no UTF-8 become `\ooo`. */
export function show(bytes: string): string {
  const text = textOfBytes(bytes)
  if (text !== undefined) return harmless(text)
  const octal = (unit: string) => `\\${unit.charCodeAt(0).toString(8).padStart(3, '0')}`
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
  return bytes.replace(/[\x00-\x1f\x7f-\xff]/g, octal)
}

/** Without the characters at both ends. An expression for it would look at each blank in between many times. */
export function trimmed(text: string, characters: string): string {
  let start = 0
  while (start < text.length && characters.includes(text.charAt(start))) start++
  return trimmedEnd(text.slice(start), characters)
}

/** Without the characters at its end. */
export function trimmedEnd(text: string, characters: string): string {
  let end = text.length
  while (end > 0 && characters.includes(text.charAt(end - 1))) end--
  return text.slice(0, end)
}

export function arrayOfBytes(bytes: string): Uint8Array {
  const array = new Uint8Array(bytes.length)
  for (let i = 0; i < bytes.length; i++) array[i] = bytes.charCodeAt(i)
  return array
}

export function bytesOfArray(array: Uint8Array): string {
  let bytes = ''
  for (let i = 0; i < array.length; i += 4096) {
    bytes += String.fromCharCode(...array.subarray(i, i + 4096))
  }
  return bytes
}

/** A size for people. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
