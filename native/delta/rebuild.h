/*
 * Rebuilds files from rsync's token streams (token.c): bytes in, in pieces of any size; the file out,
 * with its checksum and its SHA-256 in the same pass. Knows nothing of JavaScript.
 */
#ifndef REBUILD_H
#define REBUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../checksums/hash.h"
#include "block-sums.h"
#include "compression.h"
#include "fault.h"

struct rebuilder;

struct rebuild_plan {
  struct sum_head head;
  /* -1: none. */
  int basis;
  int target;
  int64_t size_max;
};

struct rebuild_result {
  int64_t size;
  int64_t literal;
  uint8_t checksum[HASH_LENGTH_MAX];
  size_t checksum_length;
  char digest[65];
};

enum rebuild_state { REBUILD_IDLE, REBUILD_RUNNING, REBUILD_ENDED, REBUILD_FAILED };

/* NULL: no memory. */
struct rebuilder *rebuilder_open(enum compression compression, enum hash_kind kind);
void rebuilder_close(struct rebuilder *rebuilder);
enum rebuild_state rebuilder_state(const struct rebuilder *rebuilder);

/* Only when idle. 0, or -1 with a fault. */
int rebuilder_begin(struct rebuilder *rebuilder, const struct rebuild_plan *plan,
                    struct fault *fault);
/* Only when running or ended. The bytes used, or -1 with a fault. */
ssize_t rebuilder_feed(struct rebuilder *rebuilder, const uint8_t *bytes, size_t count,
                       struct fault *fault);
/* Only when ended; then idle again. */
void rebuilder_finish(struct rebuilder *rebuilder, struct rebuild_result *result);
/* Writes what is held back of a file that will not be finished; after it, only close. 0, or -1 with a fault. */
int rebuilder_abandon(struct rebuilder *rebuilder, int64_t *size, struct fault *fault);

#endif
