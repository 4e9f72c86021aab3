/*
 * Which stretches of a new file are where in an old one: bsdiff's algorithm, on whatever views of the two files
 * it is given. Large files are matched window by window, so its memory has a bound.
 */
#ifndef PACK_CODER_MATCHING_H
#define PACK_CODER_MATCHING_H

#include <stddef.h>
#include <stdint.h>

#include "../packs/predict.h"

struct blocks {
  struct block *list;
  size_t count, capacity;
};

/* Of a file, or what stands for it in matching. Less than 2 GiB. */
struct content {
  const uint8_t *bytes;
  size_t length;
};

/*
 * Fills the list, which is to be freed, in the order of the new file, without overlaps there. `slack`: how many
 * bytes more a new alignment has to explain than the one that is being followed.
 */
void match_files(struct content old, struct content new, unsigned slack, struct blocks *blocks);

/* Bytes that match_files takes itself. */
size_t matching_memory(size_t old_length);

#endif
