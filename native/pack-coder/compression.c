/* zstd; see the header. */
#include "compression.h"

#include <zstd.h>

#include "fail.h"

/* Higher levels save less than a thousandth. */
#define LEVEL_OF_FRAMES 19
#define LEVEL_FAST 3

static void compress(const void *content, size_t length, int level, struct bytes *target) {
  size_t most = ZSTD_compressBound(length);
  bytes_reserve(target, most);
  size_t size = ZSTD_compress(target->data + target->length, most, content, length, level);
  /* There is room for the worst case, so only memory can be missing. */
  if (ZSTD_isError(size)) out_of_memory();
  target->length += size;
}

void compress_frame(const void *content, size_t length, struct bytes *target) {
  compress(content, length, LEVEL_OF_FRAMES, target);
}

size_t compressed_length(const struct bytes *content, enum effort effort) {
  struct bytes target = {0};
  int level = effort == EFFORT_FAST ? LEVEL_FAST : LEVEL_OF_FRAMES;
  compress(content->data, content->length, level, &target);
  size_t length = target.length;
  bytes_free(&target);
  return length;
}
