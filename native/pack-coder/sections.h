/*
 * The four sections of a file's record (docs/PACKS.md), and where they may be divided between two frames: places
 * at which a reader has used up the same part of each.
 */
#ifndef PACK_CODER_SECTIONS_H
#define PACK_CODER_SECTIONS_H

#include <stdbool.h>

#include "bytes.h"

/* How much of each a reader has used; `control` is never divided. */
struct mark {
  size_t gaps, fixes, text;
};

struct sections {
  struct bytes control, gaps, fixes, text;
  struct mark *marks;
  size_t mark_count, mark_capacity;
  /* The last of them whose part of `gaps` isn't known yet: the number that it needs comes next. */
  size_t marks_open;
  /* Bytes of equal prediction since the last fix, and whether there was a block at all. */
  uint64_t gap;
  bool has_blocks;
};

/* Text of the content, before, between or behind blocks. */
void sections_add_text(struct sections *sections, const uint8_t *text, size_t length);
/* The next bytes of a block, and what was predicted for them. */
void sections_add_block(struct sections *sections, const uint8_t *bytes, const uint8_t *predicted,
                        size_t length);
/* After the last of both. */
void sections_end(struct sections *sections);

/* Bytes of all four. */
size_t sections_length(const struct sections *sections);
void sections_free(struct sections *sections);

#endif
