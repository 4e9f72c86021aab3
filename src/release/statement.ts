/**
 * The message of a signed statement: `key=value` lines, `kind=` first (docs/FORMATS.md). Knows no
 * keys but `kind`, and nothing of signatures: `signify.ts` hands in what it has verified.
 */
import { assert, TrustError } from '../errors.ts'
import { arrayOfBytes, bytesOfArray, bytesOfText, show, textOfBytes } from '../text.ts'

export type Statement = ReadonlyMap<string, string>

const KEY = /^[a-z][a-z0-9-]*$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const CONTROL = /[\x00-\x1f\x7f-\x9f]/
/** Half of a pair of UTF-16 units: UTF-8 can't express it. */
const LONE_SURROGATE = /[\ud800-\udfff]/u

/** The bytes to sign: `kind` first, then the fields in their order. What can't be encoded is a bug of the caller. */
export function encodeStatement(kind: string, fields: Iterable<[string, string]>): Uint8Array {
  let text = ''
  const seen = new Set<string>()
  for (const [key, value] of [['kind', kind] as [string, string], ...fields]) {
    assert(KEY.test(key) && !seen.has(key), `statement key "${key}"`)
    assert(isValue(value), `statement value of ${key}`)
    seen.add(key)
    text += `${key}=${value}\n`
  }
  return arrayOfBytes(bytesOfText(text))
}

/** True if a statement can hold the text. */
export function isValue(value: string): boolean {
  return !CONTROL.test(value) && !LONE_SURROGATE.test(value)
}

/** Throws a TrustError unless the message is a statement of this kind. The caller limits its size. */
export function decodeStatement(message: Uint8Array, kind: string): Statement {
  const text = textOfBytes(bytesOfArray(message))
  if (text === undefined) throw new TrustError(`the ${kind} statement is not UTF-8 text`)
  if (!text.endsWith('\n')) throw new TrustError(`the ${kind} statement has no newline at its end`)
  const fields = new Map<string, string>()
  for (const line of text.slice(0, -1).split('\n')) {
    const equals = line.indexOf('=')
    const key = line.slice(0, Math.max(equals, 0))
    const value = line.slice(equals + 1)
    if (!KEY.test(key) || CONTROL.test(value)) {
      throw new TrustError(`the ${kind} statement has the malformed line "${excerpt(line)}"`)
    }
    if (fields.size === 0 && (key !== 'kind' || value !== kind)) {
      throw new TrustError(
        `the statement begins with "${excerpt(line)}", and "kind=${kind}" was expected`,
      )
    }
    if (fields.has(key)) throw new TrustError(`the ${kind} statement has ${key} twice`)
    fields.set(key, value)
  }
  return fields
}

/** Lines come from anywhere: a message shows the start of one, without control characters. */
function excerpt(line: string): string {
  const begin = line.length > 100 ? `${line.slice(0, 100)}…` : line
  return show(bytesOfText(begin.replace(/[\ud800-\udfff]/gu, '?')))
}
