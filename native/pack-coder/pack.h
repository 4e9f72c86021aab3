/* All files of a pack, in their order: planned by several threads, put into frames by the one that calls. */
#ifndef PACK_CODER_PACK_H
#define PACK_CODER_PACK_H

#include "frames.h"

struct pack_summary {
  uint64_t from_base, whole, opened, bytes;
};

struct pack {
  struct plan *plans;
  size_t count;
  int target;
  unsigned workers;
  uint64_t memory_max;
  /* After each file; anything but 0 ends the work. */
  int (*progress)(void *owner, size_t files, uint64_t bytes, const char *path);
  void *owner;
};

enum pack_result { PACK_DONE, PACK_STOPPED, PACK_FAILED };

struct pack_failure {
  int code;
  const char *call;
  /* Points into a plan, or is NULL. */
  const char *path;
};

/* `frames` has the entries afterwards, and is to be freed, whatever came out. */
enum pack_result pack_encode(const struct pack *pack, struct frames *frames,
                             struct pack_summary *summary, struct pack_failure *failure);

#endif
