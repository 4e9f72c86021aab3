/* The predictor's door, and its map of where places went; see predict.h. */
#include "predict.h"

#include <stdlib.h>
#include <string.h>

#include "predictor.h"

/* Blocks may lie over each other in the base: so many before a place are looked at. */
#define MAP_LOOK_BACK 8

size_t predictor_size(void) { return sizeof(struct predictor); }

void predictor_forget_stretch(struct predictor *predictor) { module_forget_stretch(predictor); }

static int compare_blocks(const void *one, const void *other) {
  const struct block *a = one, *b = other;
  if (a->old_place != b->old_place) return a->old_place < b->old_place ? -1 : 1;
  if (a->length != b->length) return a->length < b->length ? -1 : 1;
  return a->new_place < b->new_place ? -1 : a->new_place > b->new_place;
}

void map_sort(struct block *map, size_t count) { qsort(map, count, sizeof *map, compare_blocks); }

/* How many blocks begin at or before the place. */
static size_t blocks_until(const struct predictor *predictor, uint64_t place) {
  size_t low = 0, high = predictor->map_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (predictor->map[middle].old_place <= place) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/* The block whose company the place keeps. There is one at least. */
static const struct block *company_of(const struct predictor *predictor, uint64_t place) {
  const struct block *map = predictor->map;
  size_t next = blocks_until(predictor, place);
  if (next == 0) return map;
  size_t best = next - 1, first = next > MAP_LOOK_BACK ? next - MAP_LOOK_BACK : 0;
  uint64_t nearest = UINT64_MAX;
  for (size_t i = next; i-- > first;) {
    uint64_t end = (uint64_t)map[i].old_place + map[i].length;
    if (place < end) return &map[i];
    if (place - end >= nearest) continue;
    nearest = place - end;
    best = i;
  }
  bool later = next < predictor->map_count && map[next].old_place - place < nearest;
  return &map[later ? next : best];
}

int64_t map_place(const struct predictor *predictor, uint64_t place) {
  if (predictor->map_count == 0) return (int64_t)place;
  const struct block *block = company_of(predictor, place);
  return (int64_t)(place + block->new_place - block->old_place);
}

int predictor_begin(struct predictor *predictor, enum prediction prediction,
                    const struct old_bytes *old, const struct elf_shape *new_shape,
                    const struct block *map, size_t map_count) {
  predictor->prediction = PREDICT_NOTHING;
  predictor->map = map;
  predictor->map_count = map_count;
  old_window_begin(&predictor->window, old);
  int ready = 1;
  if (prediction == PREDICT_ELF) ready = elf_begin(predictor, new_shape);
  if (prediction == PREDICT_MODULE) ready = module_begin(predictor);
  if (ready == 1) predictor->prediction = prediction;
  return ready;
}

void predict_piece(struct predictor *predictor, const struct piece *piece) {
  memcpy(piece->predicted, piece->old, piece->length);
  if (predictor->prediction == PREDICT_ELF) elf_predict(predictor, piece);
  if (predictor->prediction == PREDICT_MODULE) module_predict(predictor, piece);
}
