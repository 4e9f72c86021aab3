/* Holding and finding block sums; see block-table.h for what each function promises. */
#include "block-table.h"

#include <string.h>

#include "budget.h"

/*
 * What is kept of one file's sums (bytes): all of them up to files of some GiB, by the block lengths that rsync
 * chooses. Blocks beyond are sent as literals.
 */
#define SUMS_SIZE_MAX (1024 * 1024)

/* Of a block beside its strong sum: the weak one, its place in a chain, and at most two heads of chains. */
#define BLOCK_SIZE 16

int block_table_open(struct block_table *table, const struct sum_head *head, bool are_to_come,
                     struct fault *fault) {
  memset(table, 0, sizeof *table);
  table->head = *head;
  if (!are_to_come || head->count == 0) return 0;
  size_t strong_length = (size_t)head->strong_length;
  size_t kept = SUMS_SIZE_MAX / (BLOCK_SIZE + strong_length);
  if (head->count < (int64_t)kept) kept = (size_t)head->count;
  table->left = (uint64_t)head->count * (4 + strong_length);
  unsigned bits = 1;
  while ((size_t)1 << bits < kept) bits++;
  table->shift = 32 - bits;
  table->kept = (uint32_t)kept;
  table->weak = budget_take(&budget_clients, kept, sizeof *table->weak);
  table->next = budget_take(&budget_clients, kept, sizeof *table->next);
  table->strong = budget_take(&budget_clients, kept, strong_length + !strong_length);
  table->heads = budget_take(&budget_clients, (size_t)1 << bits, sizeof *table->heads);
  if (table->weak && table->next && table->strong && table->heads) {
    memset(table->heads, 0xff, ((size_t)1 << bits) * sizeof *table->heads);
    return 0;
  }
  fault_memory(fault, &budget_clients);
  block_table_close(table);
  return -1;
}

void block_table_close(struct block_table *table) {
  budget_free(&budget_clients, table->weak);
  budget_free(&budget_clients, table->next);
  budget_free(&budget_clients, table->strong);
  budget_free(&budget_clients, table->heads);
  memset(table, 0, sizeof *table);
}

static void keep_sum(struct block_table *table, const uint8_t *sum) {
  size_t strong_length = (size_t)table->head.strong_length;
  size_t block = (size_t)table->arrived++;
  if (block >= table->kept) return;
  table->weak[block] =
      (uint32_t)sum[0] | (uint32_t)sum[1] << 8 | (uint32_t)sum[2] << 16 | (uint32_t)sum[3] << 24;
  memcpy(table->strong + block * strong_length, sum + 4, strong_length);
}

/* From the last block to the first, so that a chain begins with the first of a file's equal blocks. */
static void chain_up(struct block_table *table) {
  for (uint32_t block = table->kept; block-- > 0;) {
    uint32_t hash = (uint32_t)(table->weak[block] * UINT32_C(0x9e3779b1)) >> table->shift;
    table->next[block] = table->heads[hash];
    table->heads[hash] = block;
  }
}

size_t block_table_feed(struct block_table *table, const uint8_t *bytes, size_t count) {
  if (table->left == 0) return 0;
  if (count > table->left) count = (size_t)table->left;
  size_t size = 4 + (size_t)table->head.strong_length;
  for (size_t at = 0; at < count;) {
    size_t missing = size - table->part_length;
    if (table->part_length == 0 && count - at >= size) {
      keep_sum(table, bytes + at);
      at += size;
      continue;
    }
    size_t piece = count - at < missing ? count - at : missing;
    memcpy(table->part + table->part_length, bytes + at, piece);
    table->part_length += piece;
    at += piece;
    if (table->part_length < size) break;
    keep_sum(table, table->part);
    table->part_length = 0;
  }
  table->left -= count;
  if (table->left == 0) chain_up(table);
  return count;
}
