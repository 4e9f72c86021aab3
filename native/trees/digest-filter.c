/* Which digests were met; see digest-filter.h. A Bloom filter: a digest is random enough to be its own hash. */
#include "digest-filter.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "budget.h"

#define BYTES_MIN 256
/* The line of a file has more than twice as many bytes, so that each has 16 bits or more. */
#define MANIFEST_BYTES_PER_BYTE 64
/* With 16 bits each, 2 places are taken for met in 1.4 % of cases; more places would cost more than they save. */
#define PLACES 2

int digest_filter_open(struct digest_filter *filter, int manifest) {
  struct stat status;
  *filter = (struct digest_filter){0};
  if (fstat(manifest, &status)) return -1;
  int64_t bytes = status.st_size / MANIFEST_BYTES_PER_BYTE;
  filter->bytes = bytes > BYTES_MIN ? (size_t)bytes : BYTES_MIN;
  filter->bits = budget_take(&budget_manifest, filter->bytes, 1);
  if (filter->bits) return 0;
  errno = ENOMEM;
  return -1;
}

void digest_filter_release(struct digest_filter *filter) {
  budget_free(&budget_manifest, filter->bits);
  *filter = (struct digest_filter){0};
}

static size_t place_of(const struct digest_filter *filter, const uint8_t *digest, int place) {
  uint64_t number;
  memcpy(&number, digest + (size_t)place * sizeof number, sizeof number);
  return (size_t)(number % (filter->bytes * 8));
}

bool digest_filter_has(const struct digest_filter *filter, const uint8_t *digest) {
  for (int i = 0; i < PLACES; i++) {
    size_t at = place_of(filter, digest, i);
    if ((filter->bits[at / 8] >> (at % 8) & 1) == 0) return false;
  }
  return true;
}

void digest_filter_add(struct digest_filter *filter, const uint8_t *digest) {
  for (int i = 0; i < PLACES; i++) {
    size_t at = place_of(filter, digest, i);
    filter->bits[at / 8] |= (uint8_t)(1 << (at % 8));
  }
  filter->count++;
}
