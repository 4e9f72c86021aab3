/* The main blocks; see the header. */
#include "main-blocks.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"

/* The longest first; of equals the one that is first in the new file. */
static int by_length(const void *a, const void *b) {
  const struct block *one = *(const struct block *const *)a;
  const struct block *other = *(const struct block *const *)b;
  if (one->length != other->length) return one->length > other->length ? -1 : 1;
  return one->new_place < other->new_place ? -1 : one->new_place > other->new_place;
}

bool *choose_main_blocks(const struct blocks *blocks, size_t old_length) {
  size_t count = blocks->count;
  bool *is_main = memory_take(count * sizeof *is_main);
  const struct block **order = memory_take(count * sizeof *order);
  bool *claimed = memory_take(old_length * sizeof *claimed);
  memset(claimed, 0, old_length * sizeof *claimed);
  for (size_t i = 0; i < count; i++) order[i] = &blocks->list[i];
  qsort(order, count, sizeof *order, by_length);
  for (size_t i = 0; i < count; i++) {
    const struct block *block = order[i];
    size_t over = 0;
    for (size_t k = 0; k < block->length; k++) over += claimed[block->old_place + k];
    bool chosen = over <= block->length / 2;
    is_main[block - blocks->list] = chosen;
    if (chosen) memset(claimed + block->old_place, 1, block->length);
  }
  free(claimed);
  free(order);
  return is_main;
}
