/*
 * The sums of a basis (native/delta/block-sums.c) for a sum head of any numbers, against sums made the
 * plain way, and whole against one block at a time.
 */
#include "../../native/delta/block-sums.h"

#include <stdlib.h>
#include <string.h>

#include "support/fuzz.h"

#define BLOCKS_MAX 200
/* So that a run is spent on new numbers, and not on hashing. */
#define SPAN_MAX 100000

/* rsync's rolling sum as its paper writes it. */
static uint32_t plain_weak_sum(const uint8_t *block, size_t count) {
  uint32_t first = 0, second = 0;
  for (size_t i = 0; i < count; i++) {
    first += (uint32_t)(int8_t)block[i];
    second += (uint32_t)(count - i) * (uint32_t)(int8_t)block[i];
  }
  return (first & 0xffff) | second << 16;
}

/* What a file that shrank lacks counts as zeros. */
static void plain_sum(struct input basis, const struct sum_head *head, int64_t at,
                      enum hash_kind kind, int32_t seed, uint8_t *sum) {
  size_t length = (size_t)sum_head_span(head, at, 1);
  uint8_t *block = calloc(1, length + 1);
  CHECK(block);
  size_t start = (size_t)(at * head->block_length);
  size_t there = start < basis.count ? basis.count - start : 0;
  if (there > length) there = length;
  if (there) memcpy(block, basis.bytes + start, there);
  uint32_t weak = plain_weak_sum(block, length);
  for (int i = 0; i < 4; i++) sum[i] = (uint8_t)(weak >> 8 * i);
  hash_seeded(kind, block, length, seed, sum + 4);
  free(block);
}

static struct sum_head read_head(struct input *input) {
  uint8_t choice = input_byte(input);
  struct sum_head head = {.block_length = input_short(input), .count = input_short(input)};
  head.strong_length = input_byte(input);
  head.remainder = input_short(input);
  if (choice & 1) head.block_length *= 3;
  if (choice & 2) head.count = -head.count;
  if (choice & 4) head.count *= (int64_t)1 << 40;
  if (choice & 8) head.remainder = -head.remainder;
  return head;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  static int file = -1;
  struct input input = {bytes, count};
  enum hash_kind kind = input_byte(&input) & 7;
  int32_t seed = (int16_t)input_short(&input);
  struct sum_head head = read_head(&input);
  struct fault fault = {0};
  if (sum_head_check(&head, &fault)) {
    CHECK(fault.kind == FAULT_TOKEN && fault.message[0]);
    return 0;
  }
  CHECK(sum_head_span(&head, 0, head.count) >= 0);
  /* What native:delta checks before it comes here. */
  if ((size_t)head.strong_length > hash_length(kind) || head.count > BLOCKS_MAX) return 0;
  if (sum_head_span(&head, 0, head.count) > SPAN_MAX) return 0;
  int fd = memory_file(&file, input.bytes, input.count);
  size_t size = 4 + (size_t)head.strong_length;
  uint8_t *sums = malloc((size_t)head.count * size), sum[4 + HASH_LENGTH_MAX];
  CHECK(sums || head.count == 0);
  CHECK(block_sums(fd, &head, 0, head.count, kind, seed, sums, &fault) == 0);
  for (int64_t i = 0; i < head.count; i++) {
    plain_sum(input, &head, i, kind, seed, sum);
    CHECK(memcmp(sums + (size_t)i * size, sum, size) == 0);
  }
  free(sums);
  return 0;
}
