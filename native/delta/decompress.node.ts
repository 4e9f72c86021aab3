/**
 * The decoders of the rebuilder's Node side: pako's zlib for deflate, fzstd for zstd. fzstd doesn't say
 * where a frame ends, and shows nothing of a frame before its 18th byte, so the blocks are cut here
 * and handed on whole.
 */
import { Decompress } from 'fzstd'
import {
  Z_BUF_ERROR,
  Z_OK,
  Z_STREAM_END,
  Z_SYNC_FLUSH,
  ZStream,
  zlibInflate,
  zlibInflateInit2,
} from 'pako'

interface Progress {
  used: number
  made: number
  ended: boolean
}

/** A decoder of one stream: `used` bytes taken of `source`, `made` bytes put into `target`. */
export interface StreamDecoder {
  decode(source: Uint8Array, target: Uint8Array): Progress
}

/** Windows above this are refused, as on the device (bytes). */
const windowMax = 8 * 1024 * 1024
/** No zstd block is longer, compressed or not (bytes). */
const blockMax = 128 * 1024

function broken(message: string): Error {
  return Object.assign(new Error(message), { name: 'CompressedDataError' })
}

class InflateDecoder implements StreamDecoder {
  private readonly stream = new ZStream()
  private ended = false

  constructor() {
    zlibInflateInit2(this.stream, -15)
  }

  decode(source: Uint8Array, target: Uint8Array): Progress {
    if (this.ended || target.length === 0) return { used: 0, made: 0, ended: this.ended }
    const stream = this.stream
    stream.input = source
    stream.next_in = 0
    stream.avail_in = source.length
    stream.output = target as Uint8Array<ArrayBuffer>
    stream.next_out = 0
    stream.avail_out = target.length
    const status = zlibInflate(stream, Z_SYNC_FLUSH)
    if (status !== Z_OK && status !== Z_STREAM_END && status !== Z_BUF_ERROR) {
      throw broken(`broken deflate stream: ${stream.msg || `status ${status}`}`)
    }
    this.ended = status === Z_STREAM_END
    return { used: stream.next_in, made: stream.next_out, ended: this.ended }
  }
}

/** The length of a zstd frame header, or undefined if more bytes are needed. RFC 8878, 3.1.1.1. */
function frameHeader(bytes: Uint8Array): { length: number; checksum: boolean } | undefined {
  const magic = [0x28, 0xb5, 0x2f, 0xfd]
  for (let i = 0; i < 4 && i < bytes.length; i++) {
    if (bytes[i] !== magic[i]) throw broken('this is not a zstd frame')
  }
  const descriptor = bytes[4]
  if (descriptor === undefined) return undefined
  const singleSegment = (descriptor & 0x20) !== 0
  const dictionaryLength = [0, 1, 2, 4][descriptor & 3] as number
  const sizeLength = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] as number
  const length = 5 + (singleSegment ? 0 : 1) + dictionaryLength + sizeLength
  if (bytes.length < length) return undefined
  if ((descriptor & 8) !== 0) throw broken('the zstd frame has a reserved bit set')
  if (dictionaryLength > 0) throw broken('the zstd frame needs a dictionary')
  let window = 0
  if (singleSegment) {
    for (let i = 0; i < sizeLength; i++) window += (bytes[length - sizeLength + i] ?? 0) * 256 ** i
    if (sizeLength === 2) window += 256
  } else {
    const exponent = (bytes[5] as number) >> 3
    window = 2 ** (10 + exponent) * (1 + ((bytes[5] as number) & 7) / 8)
  }
  if (window > windowMax) throw broken(`the zstd window is ${window} bytes, at most ${windowMax}`)
  return { length, checksum: (descriptor & 4) !== 0 }
}

class ZstdDecoder implements StreamDecoder {
  private state: 'header' | 'block' | 'checksum' | 'ended' = 'header'
  /** Bytes of the frame that have not been handed on yet. */
  private held = new Uint8Array(0)
  private hasChecksum = false
  private made: Uint8Array[] = []
  private inner = this.openInner()

  private openInner(): Decompress {
    return new Decompress((bytes) => {
      if (bytes.length > 0) this.made.push(bytes)
    })
  }

  decode(source: Uint8Array, target: Uint8Array): Progress {
    let used = 0
    let made = 0
    while (made < target.length) {
      const next = this.made.shift()
      if (next) {
        const count = Math.min(next.length, target.length - made)
        target.set(next.subarray(0, count), made)
        made += count
        if (count < next.length) this.made.unshift(next.subarray(count))
      } else if (this.state === 'ended') {
        if (made > 0 || used > 0 || source.length === 0) break
        this.state = 'header'
      } else {
        const missing = this.step()
        if (missing === 0) continue
        if (used === source.length) break
        const piece = source.subarray(used, used + missing)
        const joined = new Uint8Array(this.held.length + piece.length)
        joined.set(this.held)
        joined.set(piece, this.held.length)
        this.held = joined
        used += piece.length
      }
    }
    return { used, made, ended: this.state === 'ended' && this.made.length === 0 }
  }

  /** Handles the next part of the frame if all of it is here; otherwise says how many bytes it wants. */
  private step(): number {
    if (this.state === 'header') {
      const header = frameHeader(this.held)
      if (!header) return 1
      this.hasChecksum = header.checksum
      this.inner = this.openInner()
      // Empty raw blocks after the header make up the 18 bytes that fzstd waits for.
      const padded = new Uint8Array(header.length + 18)
      padded.set(this.held)
      this.push(padded)
      this.state = 'block'
      return 0
    }
    if (this.state === 'checksum') {
      if (this.held.length < 4) return 4 - this.held.length
      this.held = new Uint8Array(0)
      this.state = 'ended'
      return 0
    }
    const [first = 0, second = 0, third = 0] = this.held
    if (this.held.length < 3) return 3 - this.held.length
    const size = (first | (second << 8) | (third << 16)) >> 3
    const type = (first >> 1) & 3
    if (type === 3) throw broken('the zstd frame has a block of the reserved type')
    if (size > blockMax) throw broken(`a zstd block of ${size} bytes, at most ${blockMax}`)
    const length = 3 + (type === 1 ? 1 : size)
    if (this.held.length < length) return length - this.held.length
    this.push(this.held)
    if ((first & 1) === 1) this.state = this.hasChecksum ? 'checksum' : 'ended'
    return 0
  }

  private push(bytes: Uint8Array): void {
    this.held = new Uint8Array(0)
    try {
      // The last block is passed off as one of many: with a last one fzstd would want the frame's checksum.
      const shown = bytes.slice()
      if (this.state === 'block') shown[0] = (shown[0] as number) & 0xfe
      this.inner.push(shown)
    } catch (error) {
      throw broken(`broken zstd stream: ${(error as Error).message}`)
    }
  }
}

export function openStream(format: 'zstd' | 'inflate'): StreamDecoder {
  if (format === 'zstd') return new ZstdDecoder()
  if (format === 'inflate') return new InflateDecoder()
  throw new TypeError(`"${format}" is not a format`)
}
