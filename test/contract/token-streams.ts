/**
 * An encoder of rsync's token streams (token.c) for the contract suites, written only from the protocol's
 * description. Compressed literals go out as stored deflate blocks and as raw or RLE zstd blocks, which
 * need no compressor.
 */
import type { Compression } from 'native:delta'
import { fromHex, join } from './sample-bytes.ts'

/** A run of blocks of the basis, or literal bytes. */
export type Part = { first: number; count: number } | Uint8Array

const int16 = (value: number) => [value & 0xff, (value >> 8) & 0xff]
export const int32 = (value: number) => [...int16(value), ...int16(value >> 16)]

function plainTokens(parts: Part[]): Uint8Array {
  const out: ArrayLike<number>[] = []
  for (const part of parts) {
    if (part instanceof Uint8Array) {
      for (let at = 0; at < part.length; at += 32768) {
        const piece = part.subarray(at, at + 32768)
        out.push(int32(piece.length), piece)
      }
    } else {
      for (let i = 0; i < part.count; i++) out.push(int32(-(part.first + i) - 1))
    }
  }
  return join(...out, int32(0))
}

/** Deflate without compression, flushed, the sync marker cut off. */
function stored(bytes: Uint8Array): Uint8Array {
  const out: ArrayLike<number>[] = []
  for (let at = 0; at < bytes.length; at += 65535) {
    const piece = bytes.subarray(at, at + 65535)
    out.push([0], int16(piece.length), int16(~piece.length), piece)
  }
  return join(...out, [0])
}

/** Blocks of an unfinished zstd frame: RLE if all bytes are the same, else raw. */
function zstdBlocks(bytes: Uint8Array): Uint8Array {
  const out: ArrayLike<number>[] = []
  for (let at = 0; at < bytes.length; at += 100_000) {
    const piece = bytes.subarray(at, at + 100_000)
    const same = piece.every((byte) => byte === piece[0])
    const header = (piece.length << 3) | (same ? 2 : 0)
    out.push([header & 0xff, (header >> 8) & 0xff, header >> 16], same ? [piece[0] ?? 0] : piece)
  }
  return join(...out)
}

/** The outer framing: pieces of compressed data of at most `lengthMax` bytes. */
export function pieces(bytes: Uint8Array, lengthMax: number): Uint8Array {
  const out: ArrayLike<number>[] = []
  for (let at = 0; at < bytes.length; at += lengthMax) {
    const piece = bytes.subarray(at, at + lengthMax)
    out.push([0x40 | (piece.length >> 8), piece.length & 0xff], piece)
  }
  return join(...out)
}

/** Adjacent literals are one run: the encoder is flushed only before a token. */
function merged(parts: Part[]): Part[] {
  const out: Part[] = []
  for (const part of parts) {
    const last = out.at(-1)
    if (part instanceof Uint8Array && last instanceof Uint8Array)
      out.splice(-1, 1, join(last, part))
    else out.push(part)
  }
  return out
}

/** Encodes the files of one connection, one after the other. */
export class TokenEncoder {
  private frameBegun = false

  constructor(
    private readonly compression: Compression,
    private readonly pieceMax = 16383,
  ) {}

  encode(parts: Part[]): Uint8Array {
    if (this.compression === 'none') return plainTokens(parts)
    const out: Uint8Array[] = []
    let last = 0
    for (const part of merged(parts)) {
      if (part instanceof Uint8Array) {
        out.push(pieces(this.pack(part), this.pieceMax))
      } else {
        const run = part.count - 1
        const distance = part.first - last
        const near = distance >= 0 && distance <= 63
        const flag = near ? (run > 0 ? 0xc0 : 0x80) | distance : run > 0 ? 0x21 : 0x20
        const number = near ? [] : int32(part.first)
        out.push(join([flag], number, run > 0 ? int16(run) : []))
        last = part.first + run
      }
    }
    return join(...out, [0])
  }

  private pack(bytes: Uint8Array): Uint8Array {
    if (this.compression === 'zlibx') return stored(bytes)
    const header = this.frameBegun ? new Uint8Array(0) : fromHex('28b52ffd 00 58')
    this.frameBegun = true
    return join(header, zstdBlocks(bytes))
  }
}
