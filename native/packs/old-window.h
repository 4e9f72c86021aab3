/* Reading the base in small bits, mostly one after the other: a window that moves along. */
#ifndef OLD_WINDOW_H
#define OLD_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The base. `read` gives exactly `count` bytes from `place`, which lie in `size`; -1 with errno if it can't. */
struct old_bytes {
  void *owner;
  int (*read)(void *owner, uint64_t place, void *bytes, size_t count);
  uint64_t size;
};

#define OLD_WINDOW_SIZE 4096

struct old_window {
  const struct old_bytes *file;
  uint64_t start;
  size_t length;
  /* A read failed: errno is its. */
  bool failed;
  uint8_t bytes[OLD_WINDOW_SIZE];
};

void old_window_begin(struct old_window *window, const struct old_bytes *file);

/* `count` (at most OLD_WINDOW_SIZE) bytes at `place`, until the next call. NULL: the file has no such, or the read failed. */
const uint8_t *old_window_at(struct old_window *window, uint64_t place, size_t count);

#endif
