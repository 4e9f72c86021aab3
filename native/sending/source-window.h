/*
 * The bytes of a file that is sent, through a window that moves on; what leaves the file passes here once, so
 * here it is hashed. Knows nothing of JavaScript.
 */
#ifndef SOURCE_WINDOW_H
#define SOURCE_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "../checksums/hash.h"
#include "../delta/fault.h"

struct source_window {
  /* -1: the bytes are in memory. */
  int fd;
  uint8_t *made;
  size_t made_length;
  int64_t size;
  uint8_t *bytes;
  size_t capacity;
  /* Where in the file the window begins, and how much it holds. */
  int64_t start;
  size_t length;
  /* From here on bytes belong to the whole-file sum. */
  int64_t hash_start;
  struct hash *hash;
  /* Of the first read that failed; 0: none. */
  int saved_errno;
};

/*
 * A file by its handle, or `made` bytes, which are copied. `span`: the most that is wanted at once. 0, or -1 with a
 * fault. To be closed either way.
 */
int source_window_open(struct source_window *window, int fd, const uint8_t *made,
                       size_t made_length, int64_t size, size_t span, struct fault *fault);
void source_window_close(struct source_window *window);

/*
 * The bytes of the file from `start` to `end`; what was before them can't be had again. Bytes that can't be read
 * are zeros, and `saved_errno` is set (rsync fileio.c map_ptr).
 */
const uint8_t *source_window_show(struct source_window *window, int64_t start, int64_t end);

#endif
