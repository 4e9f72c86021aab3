/**
 * How a basis is cut into blocks: the sum head of a request. Follows what stock rsync chooses
 * (rsync generator.c sum_sizes_sqroot), which both ends have been tuned for; the peer would take
 * other sizes within the same limits.
 */
import type { Algorithm } from 'native:checksums'
import type { SumHead } from 'native:delta'

/** Small files get blocks of this length (rsync.h BLOCK_SIZE). */
const BLOCK_LENGTH_MIN = 700
/** The longest block of protocol 30 and later (rsync.h MAX_BLOCK_SIZE). */
const BLOCK_LENGTH_MAX = 131072
/** How unlikely a false match of one block in a whole file has to be, in bits (rsync.h BLOCKSUM_BIAS). */
const BIAS_BITS = 10
/** Strong sums are never sent longer than this, whatever the digest's length (rsync.h SUM_LENGTH). */
const STRONG_LENGTH_MAX = 16

/** The head that says "I have nothing": the whole file comes. */
export const NO_BASIS: SumHead = { count: 0, blockLength: 0, strongLength: 0, remainder: 0 }

/** Bytes of a whole-file checksum, which bounds the block sums too. */
export function checksumLength(algorithm: Algorithm): number {
  switch (algorithm) {
    case 'xxh64':
    case 'xxh3':
      return 8
    case 'sha1':
      return 20
    case 'sha256':
      return 32
    case 'sha512':
      return 64
    default:
      return 16
  }
}

/** About the square root of the basis' size, a multiple of 8. */
function blockLength(size: number): number {
  if (size <= BLOCK_LENGTH_MIN * BLOCK_LENGTH_MIN) return BLOCK_LENGTH_MIN
  let bit = 1
  for (let rest = Math.floor(size / 4); rest !== 0; rest = Math.floor(rest / 4)) bit *= 2
  if (bit >= BLOCK_LENGTH_MAX) return BLOCK_LENGTH_MAX
  let length = 0
  do {
    if (size >= (length + bit) * (length + bit)) length += bit
    bit /= 2
  } while (bit >= 8)
  return Math.max(length, BLOCK_LENGTH_MIN)
}

function strongLength(size: number, length: number): number {
  let bits = BIAS_BITS
  for (let rest = Math.floor(size / 2); rest !== 0; rest = Math.floor(rest / 2)) bits += 2
  for (let rest = length >> 1; rest !== 0 && bits !== 0; rest >>= 1) bits--
  return Math.max(Math.trunc((bits + 1 - 32 + 7) / 8), 2)
}

/** The sum head for a basis of `size` bytes; `full`: with whole strong sums, for the second try. */
export function sumHead(size: number, algorithm: Algorithm, full: boolean): SumHead {
  if (size <= 0) return NO_BASIS
  const length = blockLength(size)
  const count = Math.ceil(size / length)
  if (count > 0x7fffffff) return NO_BASIS
  const longest = Math.min(STRONG_LENGTH_MAX, checksumLength(algorithm))
  return {
    count,
    blockLength: length,
    strongLength: full ? longest : Math.min(strongLength(size, length), longest),
    remainder: size % length,
  }
}
