/*
 * Which digests were met, in a few bits each: what was met is always known, and one in a hundred that was
 * not is taken for met. So it only tells what need not be remembered.
 */
#ifndef TREES_DIGEST_FILTER_H
#define TREES_DIGEST_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct digest_filter {
  uint8_t *bits;
  size_t bytes;
  /* How many were added. */
  uint64_t count;
};

/* For the digests of a manifest, so that its size says how many they may be. -1 with errno. */
int digest_filter_open(struct digest_filter *filter, int manifest);
void digest_filter_release(struct digest_filter *filter);

bool digest_filter_has(const struct digest_filter *filter, const uint8_t *digest);
void digest_filter_add(struct digest_filter *filter, const uint8_t *digest);

#endif
