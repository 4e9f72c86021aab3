/**
 * The Node side's encoders of token streams (rsync token.c): plain, or framed with pako's deflate or
 * with raw zstd blocks, which need no compressor.
 */
import type { Compression } from 'native:delta'
import { Z_OK, Z_SYNC_FLUSH, ZStream, zlibDeflate, zlibDeflateInit2 } from 'pako'
import { join } from './bytes.node.ts'

/** rsync token.c: runs of literals, pieces of compressed data (bytes). */
const LITERAL_MAX = 32768
const PIECE_MAX = 16383
/** No zstd block is longer (bytes). */
const ZSTD_BLOCK_MAX = 128 * 1024

const int16 = (value: number) => [value & 0xff, (value >> 8) & 0xff]
const int32 = (value: number) => [...int16(value), ...int16(value >> 16)]

/** Literals, or a run of blocks. */
export type Part = Uint8Array | { first: number; count: number }

function* piecesOf(bytes: Uint8Array, lengthMax: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += lengthMax) yield bytes.subarray(at, at + lengthMax)
}

function plainPart(part: Part): Uint8Array {
  if (part instanceof Uint8Array) {
    return join(...[...piecesOf(part, LITERAL_MAX)].flatMap((it) => [int32(it.length), it]))
  }
  return join(...Array.from({ length: part.count }, (_, i) => int32(-(part.first + i) - 1)))
}

function blockToken(last: number, { first, count }: { first: number; count: number }): Uint8Array {
  const run = count - 1
  const distance = first - last
  const near = distance >= 0 && distance <= 63
  const flag = near ? (run > 0 ? 0xc0 : 0x80) | distance : run > 0 ? 0x21 : 0x20
  return join([flag], near ? [] : int32(first), run > 0 ? int16(run) : [])
}

/** A file's deflate stream: what comes out between two tokens, without the marker of the flush. */
function openDeflate(): (bytes: Uint8Array) => Uint8Array {
  const stream = new ZStream()
  zlibDeflateInit2(stream, 6, 8, -15, 8, 0)
  return (bytes) => {
    stream.input = bytes
    stream.next_in = 0
    stream.avail_in = bytes.length
    const made: Uint8Array[] = []
    do {
      stream.output = new Uint8Array(64 * 1024)
      stream.next_out = 0
      stream.avail_out = stream.output.length
      if (zlibDeflate(stream, Z_SYNC_FLUSH) !== Z_OK) break
      made.push(stream.output.subarray(0, stream.next_out))
    } while (stream.avail_out === 0)
    const all = join(...made)
    return all.subarray(0, all.length - 4)
  }
}

/** The blocks of a zstd frame that never ends; the first ones begin it, with a window of 2 MiB. */
function openZstd(): (bytes: Uint8Array) => Uint8Array {
  let header = [0x28, 0xb5, 0x2f, 0xfd, 0, 0x58]
  return (bytes) => {
    const blocks = [...piecesOf(bytes, ZSTD_BLOCK_MAX)].flatMap((it) => {
      const field = it.length << 3
      return [[...int16(field), field >> 16], it]
    })
    const made = join(header, ...blocks)
    header = []
    return made
  }
}

/** Turns the parts of a file into bytes; for all files of a connection. */
export class TokenWriter {
  private readonly zstd = openZstd()

  constructor(private readonly compression: Compression) {}

  *encode(parts: Iterable<Part>): Generator<Uint8Array> {
    if (this.compression === 'none') {
      for (const part of parts) yield plainPart(part)
      yield join(int32(0))
      return
    }
    const pack = this.compression === 'zstd' ? this.zstd : openDeflate()
    let last = 0
    for (const part of parts) {
      if (part instanceof Uint8Array) {
        for (const piece of piecesOf(pack(part), PIECE_MAX)) {
          yield join([0x40 | (piece.length >> 8), piece.length & 0xff], piece)
        }
      } else {
        yield blockToken(last, part)
        last = part.first + part.count - 1
      }
    }
    yield join([0])
  }
}
