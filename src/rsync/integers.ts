/**
 * rsync's numbers and strings on the wire: varint, varlong, vstring and file indexes. Every codec is
 * synchronous and pure over a buffer: it says how many bytes it took, or that it needs more.
 * It must never await, and never read past `end`.
 */
import { PeerError } from '../errors.ts'

/** A decoder's answer if the buffer ends too early. */
export const NEED_MORE = -1

/** What a `Reading` decoder found: its value, and the offset of the byte after it. */
export interface Reading {
  value: number
  next: number
}

/**
 * Extra bytes that a lead byte announces: its leading one bits, at most 6 (rsync io.c int_byte_extra).
 */
function extraBytes(lead: number): number {
  if (lead < 0x80) return 0
  if (lead < 0xc0) return 1
  if (lead < 0xe0) return 2
  if (lead < 0xf0) return 3
  if (lead < 0xf8) return 4
  return lead < 0xfc ? 5 : 6
}

/**
 * A 32-bit varint. Numbers above 2^31 - 1 come as they stand; a caller that wants the sign applies
 * `| 0`.
 */
export function readVarint(buffer: Uint8Array, offset: number, end: number): Reading | undefined {
  if (offset >= end) return undefined
  const lead = buffer[offset] as number
  const extra = extraBytes(lead)
  if (extra > 4) throw new PeerError('a number of more than 32 bits', 'broken')
  if (end - offset < 1 + extra) return undefined
  let value = 0
  for (let i = extra; i >= 1; i--) value = value * 256 + (buffer[offset + i] as number)
  const high = lead & ((1 << (7 - extra)) - 1)
  // With four extra bytes the lead's own bits would be above bit 31.
  if (extra === 4) {
    if (high !== 0) throw new PeerError('a number of more than 32 bits', 'broken')
  } else {
    value += high * 256 ** extra
  }
  return { value, next: offset + 1 + extra }
}

/** A number of 0..2^53 - 1 with at least `minimum` bytes. */
export function readVarlong(
  buffer: Uint8Array,
  offset: number,
  end: number,
  minimum: number,
): Reading | undefined {
  if (end - offset < minimum) return undefined
  const lead = buffer[offset] as number
  const extra = extraBytes(lead)
  const low = minimum - 1 + extra
  if (low > 8) throw new PeerError('a number of more than 64 bits', 'broken')
  if (end - offset < 1 + low) return undefined
  const high = extra === 6 ? lead & 3 : lead & ((1 << (7 - extra)) - 1)
  if (low === 8 && high !== 0) throw new PeerError('a number of more than 64 bits', 'broken')
  let value = high
  for (let i = low; i >= 1; i--) value = value * 256 + (buffer[offset + i] as number)
  if (!Number.isSafeInteger(value)) throw new PeerError('a number of more than 53 bits', 'broken')
  return { value, next: offset + 1 + low }
}

/**
 * A number of 0..2^53 - 1 as `readVarlong` reads it, or with a minimum of 1 `readVarint`: the value's low bytes,
 * led by the highest one and by how many there are (rsync io.c write_varlong).
 */
export function writeVarlong(value: number, minimum: number): number[] {
  const low: number[] = []
  for (let rest = value; rest > 0 || low.length < minimum; rest = Math.floor(rest / 256)) {
    low.push(rest % 256)
  }
  const extra = low.length - minimum
  const top = low[low.length - 1] as number
  if (top < 1 << (7 - extra)) return [announce(extra) | top, ...low.slice(0, -1)]
  return [announce(extra + 1), ...low]
}

/** A lead byte that says how many more bytes there are. */
function announce(extra: number): number {
  return (0xff << (8 - extra)) & 0xff
}

/** A string with its length: at most 255 bytes, which is what stock rsync takes (5.3). */
const VSTRING_LENGTH_MAX = 255

export function readVstring(
  buffer: Uint8Array,
  offset: number,
  end: number,
): { value: string; next: number } | undefined {
  if (offset >= end) return undefined
  let length = buffer[offset] as number
  let start = offset + 1
  if (length & 0x80) {
    if (start >= end) return undefined
    length = (length & 0x7f) * 256 + (buffer[start] as number)
    start++
  }
  if (length > VSTRING_LENGTH_MAX) {
    throw new PeerError(`a string of ${length} bytes, ${VSTRING_LENGTH_MAX} allowed`, 'broken')
  }
  if (end - start < length) return undefined
  let value = ''
  for (let i = start; i < start + length; i++) value += String.fromCharCode(buffer[i] as number)
  return { value, next: start + length }
}

export function writeVstring(value: string): number[] {
  const bytes = Array.from(value, (unit) => unit.charCodeAt(0))
  const { length } = bytes
  return length < 0x80 ? [length, ...bytes] : [0x80 | (length >> 8), length & 0xff, ...bytes]
}

/** The index that means "done" (rsync.h NDX_DONE). */
export const INDEX_DONE = -1

/** The state of the file indexes of one direction; it lives as long as the connection (7.7). */
export class IndexReader {
  /** The index that `read` found last. */
  value = 0
  #positive = -1
  #negative = 1

  /** Returns the offset of the byte after the index, or NEED_MORE with nothing changed. */
  read(buffer: Uint8Array, offset: number, end: number): number {
    let at = offset
    if (at >= end) return NEED_MORE
    let lead = buffer[at++] as number
    if (lead === 0) {
      this.value = INDEX_DONE
      return at
    }
    const negative = lead === 0xff
    if (negative) {
      if (at >= end) return NEED_MORE
      lead = buffer[at++] as number
    }
    let index = negative ? this.#negative : this.#positive
    if (lead === 0xfe) {
      if (at + 2 > end) return NEED_MORE
      const first = buffer[at] as number
      if (first & 0x80) {
        if (at + 4 > end) return NEED_MORE
        index =
          (first & 0x7f) * 0x1000000 +
          (buffer[at + 1] as number) +
          (buffer[at + 2] as number) * 0x100 +
          (buffer[at + 3] as number) * 0x10000
        at += 4
      } else {
        index += first * 0x100 + (buffer[at + 1] as number)
        at += 2
      }
    } else {
      index += lead
    }
    if (index > 0x7fffffff) throw new PeerError('a file index of more than 31 bits', 'broken')
    if (negative) {
      this.#negative = index
      this.value = -index
    } else {
      this.#positive = index
      this.value = index
    }
    return at
  }
}

/** Writes the indexes of requests, which are never negative except for "done". */
export class IndexWriter {
  #positive = -1

  /** Writes at most 5 bytes to `buffer` at `offset`; returns the offset after them. */
  write(index: number, buffer: Uint8Array, offset: number): number {
    let at = offset
    if (index === INDEX_DONE) {
      buffer[at++] = 0
      return at
    }
    const difference = index - this.#positive
    this.#positive = index
    if (difference >= 1 && difference <= 253) {
      buffer[at++] = difference
    } else if (difference >= 0 && difference <= 0x7fff) {
      buffer[at++] = 0xfe
      buffer[at++] = difference >> 8
      buffer[at++] = difference & 0xff
    } else {
      buffer[at++] = 0xfe
      buffer[at++] = 0x80 | (index >>> 24)
      buffer[at++] = index & 0xff
      buffer[at++] = (index >> 8) & 0xff
      buffer[at++] = (index >> 16) & 0xff
    }
    return at
  }
}
