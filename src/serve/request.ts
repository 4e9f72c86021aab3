/** The record of a request, after its index: what is asked for, and what the answer echoes. Pure. */
import type { SumHead } from 'native:delta'
import { TRANSFER } from '../rsync/requester.ts'

export interface RequestRecord {
  /** rsync.h ITEM_*. */
  flags: number
  transfers: boolean
  /** rsync.h FNAMECMP_*: which old file the sums are of. */
  basisType: number
  /** The old file's name, as it came with its length. */
  otherName: Uint8Array | undefined
  /** Only of a transfer that is no dry run. */
  head: SumHead
}

const BASIS_FOLLOWS = 0x0800
const NAME_FOLLOWS = 0x1000
const BASIS_FILE = 0x80

/** Undefined if more has to come. */
export function readRequest(
  buffer: Uint8Array,
  start: number,
  end: number,
  dryRun: boolean,
): { record: RequestRecord; next: number } | undefined {
  if (end - start < 2) return undefined
  const flags = (buffer[start] as number) | ((buffer[start + 1] as number) << 8)
  let at = start + 2
  let basisType = BASIS_FILE
  if (flags & BASIS_FOLLOWS) {
    if (at >= end) return undefined
    basisType = buffer[at++] as number
  }
  let otherName: Uint8Array | undefined
  if (flags & NAME_FOLLOWS) {
    const next = endOfName(buffer, at, end)
    if (next === undefined || next > end) return undefined
    otherName = buffer.slice(at, next)
    at = next
  }
  const transfers = (flags & TRANSFER) !== 0
  let head: SumHead = { count: 0, blockLength: 0, strongLength: 0, remainder: 0 }
  if (transfers && !dryRun) {
    if (end - at < 16) return undefined
    const view = new DataView(buffer.buffer, buffer.byteOffset)
    const number = (index: number) => view.getInt32(at + index * 4, true)
    head = {
      count: number(0),
      blockLength: number(1),
      strongLength: number(2),
      remainder: number(3),
    }
    at += 16
  }
  return { record: { flags, transfers, basisType, otherName, head }, next: at }
}

/** One or two bytes of length, then the name. */
function endOfName(buffer: Uint8Array, at: number, end: number): number | undefined {
  const first = buffer[at]
  if (at >= end || first === undefined) return undefined
  if ((first & 0x80) === 0) return at + 1 + first
  const second = buffer[at + 1]
  if (at + 1 >= end || second === undefined) return undefined
  return at + 2 + (first & 0x7f) * 256 + second
}

/** The same, as the answer has it: without the sum head. */
export function recordBytes({ flags, basisType, otherName }: RequestRecord): number[] {
  const bytes = [flags & 0xff, flags >> 8]
  if (flags & BASIS_FOLLOWS) bytes.push(basisType)
  if (otherName) bytes.push(...otherName)
  return bytes
}

export function sumHeadBytes({ count, blockLength, strongLength, remainder }: SumHead): number[] {
  return [count, blockLength, strongLength, remainder].flatMap((value) => [
    value & 0xff,
    (value >> 8) & 0xff,
    (value >> 16) & 0xff,
    value >>> 24,
  ])
}
