/* Block sums of a basis; see block-sums.h for what each function promises. */
#include "block-sums.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../checksums/content.h"
#include "../files/damage.h"
#include "budget.h"

int sum_head_check(const struct sum_head *head, struct fault *fault) {
  if (head->count >= 0 && head->count <= INT32_MAX && head->block_length >= 0 &&
      head->block_length <= BLOCK_LENGTH_MAX && head->strong_length >= 0 &&
      head->strong_length <= HASH_LENGTH_MAX && head->remainder >= 0 &&
      head->remainder <= head->block_length && (head->count == 0 || head->block_length > 0)) {
    return 0;
  }
  return fault_token(fault,
                     "impossible sum head: %" PRId64 " blocks of %" PRId64
                     " bytes, strong sums of %" PRId64 ", remainder %" PRId64,
                     head->count, head->block_length, head->strong_length, head->remainder);
}

int64_t sum_head_span(const struct sum_head *head, int64_t first, int64_t count) {
  if (count == 0) return 0;
  int64_t span = count * head->block_length;
  if (first + count == head->count && head->remainder > 0) {
    span -= head->block_length - head->remainder;
  }
  return span;
}

#define STRIDE 64

/* The weights of a stride's bytes in the second sum: STRIDE for the first byte, 1 for the last. */
static const int16_t weights[STRIDE] = {
    64, 63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43,
    42, 41, 40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21,
    20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9,  8,  7,  6,  5,  4,  3,  2,  1};

/* By strides of a fixed length, which the compiler turns into vector instructions where there are any. */
uint32_t weak_sum(const uint8_t *block, size_t count) {
  const int8_t *bytes = (const int8_t *)block;
  uint32_t first = 0, second = 0;
  size_t i = 0;
  for (; i + STRIDE <= count; i += STRIDE) {
    int32_t plain = 0, weighted = 0;
    for (size_t k = 0; k < STRIDE; k++) {
      int16_t byte = bytes[i + k];
      plain += byte;
      weighted += byte * weights[k];
    }
    second += STRIDE * first + (uint32_t)weighted;
    first += (uint32_t)plain;
  }
  for (; i < count; i++) {
    first += (uint32_t)(int32_t)bytes[i];
    second += first;
  }
  return (first & 0xffff) | second << 16;
}

int block_sums(int basis, const struct sum_head *head, int64_t first, int64_t count,
               enum hash_kind kind, int32_t seed, uint8_t *sums, struct fault *fault) {
  if (count == 0) return 0;
  size_t block_length = (size_t)head->block_length;
  int64_t blocks_per_read = (int64_t)(CONTENT_PIECE / block_length);
  uint8_t *piece = malloc(CONTENT_PIECE);
  if (!piece) return fault_memory(fault, &budget_source);
  int64_t done = 0;
  while (done < count) {
    int64_t blocks = count - done < blocks_per_read ? count - done : blocks_per_read;
    int64_t span = sum_head_span(head, first + done, blocks);
    ssize_t read_count =
        content_read_at(basis, piece, (size_t)span, (first + done) * head->block_length);
    if (read_count < 0 && is_damage(errno)) {
      // Nothing has these sums, so nothing asks for the blocks.
      size_t length = (size_t)blocks * (4 + (size_t)head->strong_length);
      memset(sums, 0, length);
      sums += length;
      done += blocks;
      continue;
    }
    if (read_count < 0) {
      int saved_errno = errno;
      free(piece);
      return fault_system(fault, "read", saved_errno);
    }
    // The basis shrank meanwhile: a wrong sum only costs literals.
    if (read_count < span) memset(piece + read_count, 0, (size_t)(span - read_count));
    for (int64_t i = 0; i < blocks; i++) {
      const uint8_t *block = piece + (size_t)i * block_length;
      size_t rest = (size_t)span - (size_t)i * block_length;
      size_t length = rest < block_length ? rest : block_length;
      uint32_t weak = weak_sum(block, length);
      uint8_t strong[HASH_LENGTH_MAX];
      hash_seeded(kind, block, length, seed, strong);
      for (int k = 0; k < 4; k++) *sums++ = (uint8_t)(weak >> 8 * k);
      memcpy(sums, strong, (size_t)head->strong_length);
      sums += head->strong_length;
    }
    done += blocks;
  }
  free(piece);
  return 0;
}
