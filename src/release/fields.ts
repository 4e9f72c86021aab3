/**
 * The values of a statement, read strictly: each is there, is well-formed and within its bounds, or a
 * TrustError names the statement and the key. Knows no kind of statement; each kind has a file of its own.
 */
import { TrustError } from '../errors.ts'
import { bytesOfText, show } from '../text.ts'
import { isValue, type Statement } from './statement.ts'

/** One statement's fields, with what messages call it: `the release`. */
export class Fields {
  constructor(
    readonly name: string,
    readonly statement: Statement,
  ) {}

  refuse(key: string, value: string): never {
    throw new TrustError(
      `${this.name} has the malformed value "${show(bytesOfText(value))}" of ${key}`,
    )
  }

  has(key: string): boolean {
    return this.statement.has(key)
  }

  text(key: string): string {
    const value = this.statement.get(key)
    if (value === undefined) throw new TrustError(`${this.name} has no ${key}`)
    return value
  }

  /** A text that the pattern knows. */
  matching(key: string, pattern: RegExp): string {
    const value = this.text(key)
    return pattern.test(value) ? value : this.refuse(key, value)
  }

  choice<Choice extends string>(key: string, choices: readonly Choice[]): Choice {
    const value = this.text(key)
    return choices.find((one) => one === value) ?? this.refuse(key, value)
  }

  count(key: string, min: number, max: number): number {
    const text = this.text(key)
    const value = /^(0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : -1
    if (value < min || value > max) {
      throw new TrustError(
        `${this.name} has ${key}=${show(bytesOfText(text))}; allowed: ${min} to ${max}`,
      )
    }
    return value
  }

  audience(key: string): string {
    const value = this.text(key)
    return isAudience(value) ? value : this.refuse(key, value)
  }

  /** Seconds since 1970. */
  instant(key: string): number {
    const text = this.text(key)
    return parseInstant(text) ?? this.refuse(key, text)
  }

  /** What `read` makes of the key, if the statement has it. */
  optional<Value>(key: string, read: (key: string) => Value): Value | undefined {
    return this.has(key) ? read(key) : undefined
  }
}

/** A name of a machine or deployment: short, and without blanks at its ends. */
export function isAudience(value: string): boolean {
  return isValue(value) && value !== '' && value.length <= 100 && value.trim() === value
}

/** `2026-11-22T18:00:00Z` */
export function formatInstant(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`
}

/** Seconds since 1970; undefined unless it is an instant in exactly this form. */
export function parseInstant(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text)) return undefined
  const milliseconds = Date.parse(text)
  // A 30th of February is not a date, whatever the parser makes of it.
  if (Number.isNaN(milliseconds) || formatInstant(milliseconds / 1000) !== text) return undefined
  return milliseconds / 1000
}
