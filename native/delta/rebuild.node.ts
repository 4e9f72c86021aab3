/**
 * The Node side of the rebuilder: reads a token stream (rsync token.c) and writes the file that it
 * describes. The state machine is a generator: it stops wherever the bytes run out.
 */

import type { Algorithm } from 'native:checksums'
import type { Compression, SumHead } from 'native:delta'
import { createHash, type Hash } from 'node:crypto'
import type { Fd, Files } from '../../src/host.ts'
import { type OpenHash, openHash } from '../checksums/checksums.node.ts'
import { systemErrorOf } from '../system-error.node.ts'
import { openStream, type StreamDecoder } from './decompress.node.ts'

interface FilePlan {
  head: SumHead
  basis: Fd | undefined
  target: Fd
  sizeMax: number
}

interface OpenFile extends FilePlan {
  size: number
  literal: number
  checksum: OpenHash
  digest: Hash
}

export function tokenError(message: string): Error {
  return Object.assign(new Error(message), { name: 'TokenError' })
}

/** rsync.h MAX_BLOCK_SIZE, from protocol 30 on (bytes). */
const blockLengthMax = 131072

export function checkHead(head: SumHead): void {
  const { count, blockLength, strongLength, remainder } = head
  const whole = (value: number, max: number) =>
    Number.isInteger(value) && value >= 0 && value <= max
  if (
    !whole(count, 2 ** 31 - 1) ||
    !whole(blockLength, blockLengthMax) ||
    !whole(strongLength, 64) ||
    !whole(remainder, blockLength) ||
    (count > 0 && blockLength === 0)
  ) {
    throw tokenError(
      `impossible sum head: ${count} x ${blockLength} bytes, strong sums of ${strongLength}, remainder ${remainder}`,
    )
  }
}

/** Length of one block of the basis. */
export function lengthOfBlock(head: SumHead, block: number): number {
  return block === head.count - 1 && head.remainder > 0 ? head.remainder : head.blockLength
}

export class NodeRebuilder {
  private file: OpenFile | undefined
  private machine: Generator<void, void> | undefined
  private fileEnded = false
  private input: Uint8Array = new Uint8Array(0)
  private at = 0
  private zstd: StreamDecoder | undefined
  private readonly scratch = new Uint8Array(64 * 1024)

  constructor(
    private readonly files: Files,
    private readonly compression: Compression,
    private readonly algorithm: Algorithm,
  ) {
    openHash(algorithm)
    if (!['none', 'zlibx', 'zstd'].includes(compression)) {
      throw new TypeError(`"${compression}" is not a compression`)
    }
    if (compression === 'zstd') this.zstd = openStream('zstd')
  }

  begin(plan: FilePlan): void {
    if (this.file) throw new TypeError('the last file is not finished')
    checkHead(plan.head)
    const checksum = openHash(this.algorithm)
    this.file = { ...plan, size: 0, literal: 0, checksum, digest: createHash('sha256') }
    this.fileEnded = false
    this.machine = this.compression === 'none' ? this.readPlain() : this.readFlagged()
  }

  feed(bytes: Uint8Array): number {
    if (!this.machine) throw new TypeError('no file was begun')
    if (this.fileEnded) return 0
    this.input = bytes
    this.at = 0
    const machine = this.machine
    this.machine = undefined
    this.fileEnded = machine.next().done === true
    this.machine = machine
    return this.at
  }

  get ended(): boolean {
    return this.fileEnded
  }

  finish() {
    const file = this.file
    if (!file || !this.fileEnded) throw new TypeError('the file has not ended')
    this.file = undefined
    this.machine = undefined
    this.fileEnded = false
    return {
      size: file.size,
      literal: file.literal,
      checksum: file.checksum.result(),
      digest: file.digest.digest('hex'),
    }
  }

  abandon(): number {
    this.machine = undefined
    this.fileEnded = false
    return this.file?.size ?? 0
  }

  private *byte(): Generator<void, number> {
    while (this.at === this.input.length) yield
    return this.input[this.at++] as number
  }

  private *integer(length: number): Generator<void, number> {
    let value = 0
    for (let i = 0; i < length; i++) value += (yield* this.byte()) * 256 ** i
    return length === 4 ? value | 0 : value
  }

  private *piece(lengthMax: number): Generator<void, Uint8Array> {
    while (this.at === this.input.length) yield
    const piece = this.input.subarray(this.at, this.at + lengthMax)
    this.at += piece.length
    return piece
  }

  private *readPlain(): Generator<void, void> {
    for (;;) {
      let token = yield* this.integer(4)
      if (token === 0) return
      if (token < 0) {
        this.copy(-(token + 1), 1)
        continue
      }
      while (token > 0) {
        const piece = yield* this.piece(token)
        this.writeLiteral(piece)
        token -= piece.length
      }
    }
  }

  private *readFlagged(): Generator<void, void> {
    const decoder = this.zstd ?? openStream('inflate')
    let last = 0
    let afterPieces = false
    for (;;) {
      const flag = yield* this.byte()
      if (flag >= 0x40 && flag < 0x80) {
        let rest = ((flag & 0x3f) << 8) | (yield* this.byte())
        while (rest > 0) {
          const piece = yield* this.piece(rest)
          this.unpack(decoder, piece)
          rest -= piece.length
        }
        afterPieces = true
        continue
      }
      if (afterPieces && this.compression === 'zlibx') {
        this.unpack(decoder, new Uint8Array([0, 0, 0xff, 0xff]))
      }
      afterPieces = false
      if (flag === 0) return
      if (flag < 0x80 && flag !== 0x20 && flag !== 0x21) {
        throw tokenError(`token flag 0x${flag.toString(16)} is not defined`)
      }
      const first = flag < 0x80 ? yield* this.integer(4) : last + (flag & 0x3f)
      const hasRun = flag === 0x21 || flag >= 0xc0
      const run = hasRun ? yield* this.integer(2) : 0
      this.copy(first, run + 1)
      last = first + run
    }
  }

  private unpack(decoder: StreamDecoder, bytes: Uint8Array): void {
    let source = bytes
    for (;;) {
      let progress: { used: number; made: number; ended: boolean }
      try {
        progress = decoder.decode(source, this.scratch)
      } catch (error) {
        throw tokenError((error as Error).message)
      }
      this.writeLiteral(this.scratch.subarray(0, progress.made))
      if (progress.ended) throw tokenError('the compressed stream ends before the file does')
      source = source.subarray(progress.used)
      if (progress.made < this.scratch.length && source.length === 0) return
    }
  }

  private writeLiteral(bytes: Uint8Array): void {
    const file = this.file as OpenFile
    this.write(bytes)
    file.literal += bytes.length
  }

  private write(bytes: Uint8Array): void {
    const file = this.file as OpenFile
    if (bytes.length > file.sizeMax - file.size) {
      throw tokenError(`the file grows past the ${file.sizeMax} bytes that it may have`)
    }
    this.files.write(file.target, bytes, 0, bytes.length)
    file.checksum.update(bytes)
    file.digest.update(bytes)
    file.size += bytes.length
  }

  private copy(first: number, count: number): void {
    const { head, basis } = this.file as OpenFile
    if (first < 0 || first + count > head.count) {
      throw tokenError(`block ${first} and ${count - 1} more of a basis of ${head.count} blocks`)
    }
    if (basis === undefined) throw tokenError(`block ${first} of a file that has no basis`)
    for (let block = first; block < first + count; block++) {
      const buffer = new Uint8Array(lengthOfBlock(head, block))
      const position = block * head.blockLength
      const { size, sizeMax } = this.file as OpenFile
      if (buffer.length > sizeMax - size) {
        throw tokenError(`the file grows past the ${sizeMax} bytes that it may have`)
      }
      if (this.files.read(basis, buffer, 0, buffer.length, position) < buffer.length) {
        throw systemErrorOf('read', undefined, 'EIO')
      }
      this.write(buffer)
    }
  }
}
