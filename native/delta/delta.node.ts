/**
 * The Node side of `native:delta`, for the tests, the debugger and the emulator: over any Files, so that
 * it also runs on a virtual disk. Plain and slow on purpose: the C side is compared with it.
 */

import type { FileList, Rebuilder } from 'native:delta'
import { createHash } from 'node:crypto'
import { isDamage } from '../../src/errors.ts'
import type { Delta, Files } from '../../src/host.ts'
import { hashLength, seededHash, tooBig } from '../checksums/checksums.node.ts'
import { NodeFileList } from './file-list.node.ts'
import { checkHead, lengthOfBlock, NodeRebuilder } from './rebuild.node.ts'

/** rsync checksum.c get_checksum1: the bytes are signed. */
function weakSum(block: Uint8Array): number {
  const signed = new Int8Array(block.buffer, block.byteOffset, block.length)
  let first = 0
  let second = 0
  for (const byte of signed) {
    first = (first + byte) | 0
    second = (second + first) | 0
  }
  return ((first & 0xffff) | (second << 16)) >>> 0
}

function rebuilderOf(value: Rebuilder): NodeRebuilder {
  if (value instanceof NodeRebuilder && !closed.has(value)) return value
  throw new TypeError('no open rebuilder')
}

function listOf(value: FileList): NodeFileList {
  if (value instanceof NodeFileList && !closed.has(value)) return value
  throw new TypeError('no open file list')
}

const closed = new WeakSet<object>()

function windowOf(buffer: Uint8Array, offset: number, length: number): Uint8Array {
  if (offset < 0 || length < 0 || offset + length > buffer.length) {
    throw new RangeError('offset and length lie outside the buffer')
  }
  return buffer.subarray(offset, offset + length)
}

export function makeDelta(files: Files): Delta {
  const blockSums: Delta['blockSums'] = (basis, head, first, count, algorithm, seed) => {
    checkHead(head)
    if (!(algorithm in hashLength)) throw new TypeError(`"${algorithm}" is not a hash`)
    const { strongLength } = head
    if (first < 0 || count < 0 || first + count > head.count) {
      throw new RangeError(`blocks ${first} + ${count} of ${head.count}`)
    }
    if (strongLength > hashLength[algorithm]) {
      throw new RangeError(`${algorithm} has ${hashLength[algorithm]} bytes, not ${strongLength}`)
    }
    const sums = new Uint8Array(count * (4 + strongLength))
    const view = new DataView(sums.buffer)
    for (let i = 0; i < count; i++) {
      const block = new Uint8Array(lengthOfBlock(head, first + i))
      try {
        files.read(basis, block, 0, block.length, (first + i) * head.blockLength)
      } catch (error) {
        if (isDamage(error)) continue
        throw error
      }
      view.setUint32(i * (4 + strongLength), weakSum(block), true)
      const strong = seededHash(algorithm, block, seed).subarray(0, strongLength)
      sums.set(strong, i * (4 + strongLength) + 4)
    }
    return sums
  }

  const copyWhole: Delta['copyWhole'] = (source, target, sizeMax) => {
    const digest = createHash('sha256')
    const buffer = new Uint8Array(256 * 1024)
    let size = 0
    for (;;) {
      const count = files.read(source, buffer, 0, buffer.length, size)
      if (count === 0) return { size, digest: digest.digest('hex') }
      if (size + count > sizeMax) throw tooBig()
      files.write(target, buffer, 0, count)
      digest.update(buffer.subarray(0, count))
      size += count
    }
  }

  return {
    blockSums,
    copyWhole,
    openRebuilder: (compression, algorithm) => new NodeRebuilder(files, compression, algorithm),
    beginFile: (rebuilder, file) => rebuilderOf(rebuilder).begin(file),
    feed: (rebuilder, buffer, offset, length) =>
      rebuilderOf(rebuilder).feed(windowOf(buffer, offset, length)),
    ended: (rebuilder) => rebuilderOf(rebuilder).ended,
    finishFile: (rebuilder) => rebuilderOf(rebuilder).finish(),
    abandonFile: (rebuilder) => rebuilderOf(rebuilder).abandon(),
    closeRebuilder: (rebuilder) => void closed.add(rebuilder),
    openFileList: (options) => new NodeFileList(options),
    feedList: (list, buffer, offset, length) => listOf(list).feed(windowOf(buffer, offset, length)),
    listEnded: (list) => listOf(list).ended,
    listSummary: (list) => listOf(list).summary(),
    findListed: (list, name) => listOf(list).find(name),
    listedAt: (list, index) => listOf(list).at(index),
    closeFileList: (list) => void closed.add(list),
  }
}
