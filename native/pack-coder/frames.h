/*
 * The frames that carry files: records in their order, each frame at most as long as a reader holds, compressed
 * by a pool and written in their order.
 */
#ifndef PACK_CODER_FRAMES_H
#define PACK_CODER_FRAMES_H

#include "plan.h"

/* What the index has of a frame. */
struct frame_entry {
  uint64_t length;
  int64_t line;
  bool goes_on;
};

struct frame;

struct frames {
  struct pool *pool;
  int target;
  /* Knows what the records of the frame that is being filled teach. */
  struct predictor *predictor;
  struct sections filled;
  int64_t first_line, last_line;
  bool is_empty;
  /* Closed and not yet written, in their order. */
  struct frame *first, **last;
  unsigned waiting, waiting_max;
  /* Of those that are written. */
  struct frame_entry *entries;
  size_t entry_count, entry_capacity;
  /* Bytes before compression. */
  uint64_t control, gaps, fixes, text;
};

void frames_begin(struct frames *frames, struct pool *pool, int target, unsigned waiting_max);
/* Adds the record of a plan that is done. -1 with errno: a frame can't be written. */
int frames_add(struct frames *frames, struct plan *plan);
/* Closes the last frame, and writes all that are left. */
int frames_end(struct frames *frames);
/* Waits for the pool; the entries and the sums stay. */
void frames_stop(struct frames *frames);
void frames_free(struct frames *frames);

#endif
