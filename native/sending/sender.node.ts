/**
 * The Node side of the sender (rsync match.c): takes a client's block sums, finds their blocks in a file, and
 * says the rest literally. The whole file is held in memory: never for the device.
 */
import type { Algorithm } from 'native:checksums'
import type { Compression, SumHead } from 'native:delta'
import type { Fd, Files } from '../../src/host.ts'
import { hashLength, openHash, seededHash } from '../checksums/checksums.node.ts'
import { checkHead, lengthOfBlock, tokenError } from '../delta/rebuild.node.ts'
import { Drain, join } from './bytes.node.ts'
import { type Part, TokenWriter } from './tokens.node.ts'

interface Options {
  compression: Compression
  algorithm: Algorithm
  seed: number
  seedFirst: boolean
}

interface Sums {
  head: SumHead
  append: 'tail' | 'whole' | undefined
  /** Of those that are kept. */
  bytes: Uint8Array
  length: number
  taken: number
}

interface SendingFile {
  content: Uint8Array
  inPlace: boolean
  readError: string | undefined
  literal: number
  matched: number
}

/** What is kept of one file's sums (bytes). */
const SUMS_KEPT_MAX = 16 * 1024 * 1024

/** Blocks of one weak sum that are looked at for a position. */
const CANDIDATES_MAX = 64

const signed = (byte: number) => (byte << 24) >> 24

export class NodeSender {
  private readonly tokens: TokenWriter
  private sums: Sums | undefined
  private file: SendingFile | undefined
  private drain: Drain | undefined

  constructor(
    private readonly files: Files,
    private readonly options: Options,
  ) {
    const { compression, algorithm } = options
    if (!['none', 'zlibx', 'zstd'].includes(compression)) {
      throw new TypeError(`"${compression}" is not a compression`)
    }
    if (!(algorithm in hashLength)) throw new TypeError(`"${algorithm}" is not a hash`)
    this.tokens = new TokenWriter(compression)
  }

  beginSums(head: SumHead, append?: 'tail' | 'whole'): void {
    if (this.sums) throw new TypeError('the last file is not finished')
    checkHead(head)
    const { algorithm } = this.options
    if (head.strongLength > hashLength[algorithm]) {
      throw tokenError(
        `strong sums of ${head.strongLength} bytes, but ${algorithm} has ${hashLength[algorithm]}`,
      )
    }
    const length = append ? 0 : head.count * (4 + head.strongLength)
    const bytes = new Uint8Array(Math.min(length, SUMS_KEPT_MAX))
    this.sums = { head: { ...head }, append, bytes, length, taken: 0 }
  }

  feedSums(bytes: Uint8Array): number {
    const sums = this.begun()
    const used = Math.min(bytes.length, sums.length - sums.taken)
    const kept = Math.max(0, Math.min(used, sums.bytes.length - sums.taken))
    if (kept > 0) sums.bytes.set(bytes.subarray(0, kept), sums.taken)
    sums.taken += used
    return used
  }

  get sumsComplete(): boolean {
    return this.sums !== undefined && this.sums.taken === this.sums.length
  }

  dropSums(): void {
    this.whole()
    this.sums = undefined
  }

  begin({ source, size, inPlace }: { source: Fd | Uint8Array; size: number; inPlace: boolean }) {
    const sums = this.whole()
    const content = new Uint8Array(size)
    let readError: string | undefined
    if (source instanceof Uint8Array) {
      content.set(source.subarray(0, size))
      if (source.length < size) readError = 'ENODATA'
    } else {
      try {
        if (this.files.read(source, content, 0, size, 0) < size) readError = 'ENODATA'
      } catch (error) {
        readError = (error as { code?: string }).code ?? 'EIO'
        content.fill(0)
      }
    }
    const parts = sums.append ? this.appended(sums) : this.parts(sums)
    this.file = { content, inPlace, readError, literal: 0, matched: 0 }
    this.drain = new Drain(this.encode(parts))
  }

  produce(window: Uint8Array): number {
    this.running()
    return this.drain?.take(window) ?? 0
  }

  get ended(): boolean {
    return this.file !== undefined && this.drain?.ended === true
  }

  finish() {
    const { literal, matched, readError } = this.running()
    if (!this.ended) throw new TypeError('the file has not ended')
    this.file = undefined
    this.sums = undefined
    return { literal, matched, readError }
  }

  private begun(): Sums {
    if (!this.sums || this.file) throw new TypeError('no sums were begun')
    return this.sums
  }

  private whole(): Sums {
    const sums = this.begun()
    if (!this.sumsComplete) throw new TypeError('the sums are not complete')
    return sums
  }

  private running(): SendingFile {
    if (!this.file) throw new TypeError('no file was begun')
    return this.file
  }

  private *encode(parts: Generator<Part>): Generator<Uint8Array> {
    yield* this.tokens.encode(parts)
    const file = this.running()
    const { content } = file
    const hash = openHash(this.options.algorithm)
    const { head, append } = this.sums as Sums
    hash.update(append === 'tail' ? content.subarray(spanOf(head)) : content)
    const sum = hash.result()
    if (file.readError) {
      // A sum that can't be the right one.
      const isZero = sum.every((byte) => byte === 0)
      sum.fill(0)
      if (isZero) sum[0] = 1
    }
    yield sum
  }

  private *appended({ head }: Sums): Generator<Part> {
    const file = this.running()
    const literal = file.content.subarray(spanOf(head))
    file.literal = literal.length
    if (literal.length > 0) yield literal
  }

  private strongOf(block: Uint8Array): Uint8Array {
    const { algorithm, seed, seedFirst } = this.options
    if (seedFirst || (algorithm !== 'md5' && algorithm !== 'sha1') || seed === 0) {
      return seededHash(algorithm, block, seed)
    }
    const hash = openHash(algorithm)
    hash.update(join(block, [seed & 255, (seed >> 8) & 255, (seed >> 16) & 255, seed >>> 24]))
    return hash.result()
  }

  /** The file as literals and runs of blocks. */
  private *parts(sums: Sums): Generator<Part> {
    let run: { first: number; count: number } | undefined
    const file = this.running()
    for (const part of this.matches(sums)) {
      if (part instanceof Uint8Array) file.literal += part.length
      else file.matched += lengthOfBlock(sums.head, part.first)
      if (part instanceof Uint8Array || !run || run.first + run.count !== part.first) {
        if (run) yield run
        run = undefined
        if (part instanceof Uint8Array) yield part
        else run = { ...part }
      } else if (++run.count > 65535) {
        yield run
        run = undefined
      }
    }
    if (run) yield run
  }

  private *matches({ head, bytes }: Sums): Generator<Part> {
    const { content, inPlace } = this.running()
    const { blockLength, strongLength, remainder } = head
    const count = Math.min(head.count, Math.floor(bytes.length / (4 + strongLength)))
    const view = new DataView(bytes.buffer)
    const weakOf = (block: number) => view.getUint32(block * (4 + strongLength), true)
    const table = new Map<number, number[]>()
    for (let block = 0; block < count; block++) {
      const known = table.get(weakOf(block))
      if (known) known.push(block)
      else table.set(weakOf(block), [block])
    }
    let after = 0
    const find = (start: number, length: number, weak: number): number | undefined => {
      const known = table.get(weak)?.slice(0, CANDIDATES_MAX)
      // The strong sum is made only for a block that may fit: a window may be long, and roll by one byte.
      if (!known?.some((block) => lengthOfBlock(head, block) === length)) return undefined
      const same = start % blockLength === 0 ? start / blockLength : -1
      const first = [...(inPlace ? [same] : []), after].filter((block) => weakOf2(block) === weak)
      const strong = this.strongOf(content.subarray(start, start + length))
      return [...first, ...known].find(
        (block) =>
          lengthOfBlock(head, block) === length &&
          (!inPlace || block * blockLength >= start) &&
          strongIs(block, strong),
      )
    }
    const weakOf2 = (block: number) => (block >= 0 && block < count ? weakOf(block) : -1)
    const strongIs = (block: number, strong: Uint8Array) => {
      const at = block * (4 + strongLength) + 4
      return bytes.subarray(at, at + strongLength).every((byte, i) => byte === strong[i])
    }
    let start = 0
    let literal = 0
    let rolling = new Rolling(content, start, blockLength)
    while (count > 0 && start + blockLength <= content.length) {
      const block = find(start, blockLength, rolling.value)
      if (block === undefined) {
        rolling.roll()
        start++
        continue
      }
      if (start > literal) yield content.subarray(literal, start)
      yield { first: block, count: 1 }
      after = block + 1
      start += blockLength
      literal = start
      rolling = new Rolling(content, start, blockLength)
    }
    const tail = content.length - remainder
    if (count === head.count && remainder > 0 && tail >= literal) {
      const block = find(tail, remainder, new Rolling(content, tail, remainder).value)
      if (block !== undefined) {
        if (tail > literal) yield content.subarray(literal, tail)
        yield { first: block, count: 1 }
        literal = content.length
      }
    }
    if (content.length > literal) yield content.subarray(literal)
  }
}

/** Bytes of the basis that all blocks cover. */
function spanOf(head: SumHead): number {
  if (head.count === 0) return 0
  return (head.count - 1) * head.blockLength + lengthOfBlock(head, head.count - 1)
}

/** rsync's weak sum of a window that moves (match.c, checksum.c get_checksum1). */
class Rolling {
  private first = 0
  private second = 0

  constructor(
    private readonly content: Uint8Array,
    private start: number,
    private readonly length: number,
  ) {
    for (let i = start; i < start + length && i < content.length; i++) {
      this.first = (this.first + signed(content[i] as number)) | 0
      this.second = (this.second + this.first) | 0
    }
  }

  get value(): number {
    return ((this.first & 0xffff) | (this.second << 16)) >>> 0
  }

  roll(): void {
    const out = signed(this.content[this.start] as number)
    const added = signed(this.content[this.start + this.length] ?? 0)
    this.first = (this.first - out + added) | 0
    this.second = (this.second - this.length * out + this.first) | 0
    this.start++
  }
}
