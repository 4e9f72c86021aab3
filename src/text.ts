/**
 * Byte strings and texts. Names travel as byte strings (one UTF-16 unit a byte); people read text.
 * Nothing else converts between the two.
 */

/** The UTF-8 bytes of a text, as a byte string. */
export function bytesOfText(text: string): string {
  return unescape(encodeURIComponent(text))
}

/** The text whose UTF-8 bytes these are; undefined where they are no UTF-8. */
export function textOfBytes(bytes: string): string | undefined {
  try {
    return decodeURIComponent(escape(bytes))
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}

/** A byte string from anywhere, safe to show: control characters and bytes that are no UTF-8 become `\ooo`. */
export function show(bytes: string): string {
  const text = textOfBytes(bytes)
  const octal = (unit: string) => `\\${unit.charCodeAt(0).toString(8).padStart(3, '0')}`
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
  if (text === undefined) return bytes.replace(/[\x00-\x1f\x7f-\xff]/g, octal)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, octal)
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
