/*
 * A client's block sums, held compactly and found by their weak sum (rsync match.c build_hash_table). Knows
 * nothing of JavaScript.
 */
#ifndef BLOCK_TABLE_H
#define BLOCK_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../delta/block-sums.h"
#include "../delta/fault.h"

/* No block, and the end of a chain. */
#define BLOCK_NONE UINT32_MAX

struct block_table {
  struct sum_head head;
  /* Sums that are kept: the first ones. */
  uint32_t kept;
  uint32_t *weak;
  uint8_t *strong;
  /* Of each block the next one with the same hash; of each hash the first block. */
  uint32_t *next;
  uint32_t *heads;
  unsigned shift;
  /* Bytes of sums to come, and the one that has come in part. */
  uint64_t left;
  uint8_t part[4 + HASH_LENGTH_MAX];
  size_t part_length;
  uint64_t arrived;
};

/* `are_to_come`: or else there are no sums, only the head. 0, or -1 with a fault. To be closed either way. */
int block_table_open(struct block_table *table, const struct sum_head *head, bool are_to_come,
                     struct fault *fault);
void block_table_close(struct block_table *table);

/* Takes bytes of sums; how many it used. When none is left, blocks can be found. */
size_t block_table_feed(struct block_table *table, const uint8_t *bytes, size_t count);

/* The first block that may have this weak sum. */
static inline uint32_t block_table_first(const struct block_table *table, uint32_t weak) {
  return table->heads[(uint32_t)(weak * UINT32_C(0x9e3779b1)) >> table->shift];
}

static inline int64_t block_table_length(const struct block_table *table, uint32_t block) {
  bool is_short = block == table->head.count - 1 && table->head.remainder > 0;
  return is_short ? table->head.remainder : table->head.block_length;
}

static inline const uint8_t *block_table_strong(const struct block_table *table, uint32_t block) {
  return table->strong + (size_t)block * (size_t)table->head.strong_length;
}

#endif
