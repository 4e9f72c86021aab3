/**
 * The Node side of `native:checksums`, for the tests, the debugger and the emulator, on code that we did
 * not write: node:crypto, hash-wasm (MD4 and streaming XXH128) and node-rs/xxhash (the seeded and the
 * 64-bit sums). `openHash` is for the other Node sides; nothing in src/ may see it.
 */

import type { Algorithm } from 'native:checksums'
import { createHash } from 'node:crypto'
import { Xxh64, xxh3 } from '@node-rs/xxhash'
import { createMD4, createXXHash128, type IHasher } from 'hash-wasm'
import type { Checksums, Files } from '../../src/host.ts'
import { systemErrorOf } from '../system-error.node.ts'

/** A hash that takes its input in pieces. */
export interface OpenHash {
  update(bytes: Uint8Array): void
  result(): Uint8Array
}

const md4 = await createMD4()
const xxh128 = await createXXHash128()

export const hashLength: Record<Algorithm, number> = {
  xxh64: 8,
  xxh3: 8,
  xxh128: 16,
  md4: 16,
  md5: 16,
  sha1: 20,
  sha256: 32,
  sha512: 64,
}

function littleEndian(value: bigint, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = Number((value >> BigInt(8 * i)) & 0xffn)
  return bytes
}

/** One wasm instance serves many hashes: each keeps its state outside between calls. */
function openShared(hasher: IHasher, finish: (bytes: Uint8Array) => Uint8Array): OpenHash {
  let state = hasher.init().save()
  return {
    update(bytes) {
      state = hasher.load(state).update(bytes).save()
    },
    result: () => finish(hasher.load(state).digest('binary')),
  }
}

/** Begins a hash with seed 0. */
export function openHash(algorithm: Algorithm): OpenHash {
  if (algorithm === 'md4') return openShared(md4, (bytes) => bytes)
  // The canonical form is big-endian with the high half first: rsync's is exactly the reverse.
  if (algorithm === 'xxh128') return openShared(xxh128, (bytes) => bytes.slice().reverse())
  if (algorithm === 'xxh64' || algorithm === 'xxh3') {
    const hasher = algorithm === 'xxh64' ? new Xxh64(0n) : xxh3.Xxh3.withSeed(0n)
    return {
      update: (bytes) => void hasher.update(bytes),
      result: () => littleEndian(hasher.digest(), 8),
    }
  }
  if (!(algorithm in hashLength)) throw new TypeError(`"${algorithm}" is not a hash`)
  const hasher = createHash(algorithm)
  return {
    update: (bytes) => void hasher.update(bytes),
    result: () => new Uint8Array(hasher.digest()),
  }
}

/** The strong sum of one block, seeded as rsync does it (checksum.c get_checksum2). */
export function seededHash(algorithm: Algorithm, block: Uint8Array, seed: number): Uint8Array {
  const wideSeed = BigInt.asUintN(64, BigInt(seed))
  if (algorithm === 'xxh64') return littleEndian(new Xxh64(wideSeed).update(block).digest(), 8)
  if (algorithm === 'xxh3') return littleEndian(xxh3.xxh64(block, wideSeed), 8)
  if (algorithm === 'xxh128') return littleEndian(xxh3.xxh128(block, wideSeed), 16)
  const seedBytes = seed === 0 ? new Uint8Array(0) : littleEndian(BigInt.asUintN(32, wideSeed), 4)
  const running = openHash(algorithm)
  // MD4 is the one where rsync appends the seed.
  for (const part of algorithm === 'md4' ? [block, seedBytes] : [seedBytes, block]) {
    running.update(part)
  }
  return running.result()
}

export function makeChecksums(files: Files): Checksums {
  return {
    hash(algorithm, bytes) {
      const running = openHash(algorithm)
      running.update(bytes)
      return running.result()
    },

    digestFile(fd, sizeMax) {
      const running = createHash('sha256')
      const buffer = new Uint8Array(256 * 1024)
      let size = 0
      for (;;) {
        const count = files.read(fd, buffer, 0, buffer.length, size)
        if (count === 0) break
        size += count
        if (size > sizeMax) throw tooBig()
        running.update(buffer.subarray(0, count))
      }
      return { digest: running.digest('hex'), size }
    },
  }
}

export function tooBig(): Error {
  return systemErrorOf('read', undefined, 'EFBIG')
}
