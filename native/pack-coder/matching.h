/*
 * Which stretches of a new file are where in an old one: bsdiff's algorithm, on whatever views of the two files
 * it is given. Large files are matched window by window, so its memory has a bound.
 */
#ifndef PACK_CODER_MATCHING_H
#define PACK_CODER_MATCHING_H

#include <stddef.h>
#include <stdint.h>

/* A stretch of the new file and the one of the old file that it is made from. */
struct block {
  uint32_t new_place, old_place, length;
};

struct blocks {
  struct block *list;
  size_t count, capacity;
};

struct view {
  const uint8_t *bytes;
  /* Less than 2 GiB. */
  size_t length;
};

/*
 * Fills the list, which is to be freed, in the order of the new file, without overlaps there. `slack`: how many
 * bytes more a new alignment has to explain than the one that is being followed.
 */
void match_files(struct view old, struct view new, unsigned slack, struct blocks *matches);

/* Bytes that match_files takes for files of these lengths, its views not counted. */
size_t matching_memory(size_t old_length);

#endif
