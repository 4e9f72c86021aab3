/* Reading what is sent; see source-window.h for what each function promises. */
#include "source-window.h"

#include <errno.h>
#include <string.h>

#include "../checksums/content.h"
#include "budget.h"

/* What is read at once beyond what is wanted (bytes). */
#define READ_AHEAD ((size_t)64 * 1024)

int source_window_open(struct source_window *window, int fd, const uint8_t *made,
                       size_t made_length, int64_t size, size_t span, struct fault *fault) {
  memset(window, 0, sizeof *window);
  window->fd = fd;
  window->size = size;
  window->capacity = span + READ_AHEAD;
  if (size < (int64_t)window->capacity) window->capacity = (size_t)size + 1;
  window->bytes = budget_take(&budget_clients, 1, window->capacity);
  if (!window->bytes) return fault_memory(fault, &budget_clients);
  if (fd >= 0) return 0;
  window->made = budget_take(&budget_clients, 1, made_length + 1);
  if (!window->made) return fault_memory(fault, &budget_clients);
  window->made_length = made_length;
  memcpy(window->made, made, made_length);
  return 0;
}

void source_window_close(struct source_window *window) {
  budget_free(&budget_clients, window->bytes);
  budget_free(&budget_clients, window->made);
  memset(window, 0, sizeof *window);
}

static ssize_t read_made(const struct source_window *window, uint8_t *bytes, size_t count,
                         int64_t position) {
  if (position >= (int64_t)window->made_length) return 0;
  size_t left = window->made_length - (size_t)position;
  size_t length = count < left ? count : left;
  memcpy(bytes, window->made + position, length);
  return (ssize_t)length;
}

static void fill(struct source_window *window) {
  int64_t position = window->start + (int64_t)window->length;
  size_t count = window->capacity - window->length;
  if (window->size - position < (int64_t)count) count = (size_t)(window->size - position);
  uint8_t *bytes = window->bytes + window->length;
  ssize_t got = 0;
  if (!window->saved_errno) {
    got = window->fd < 0 ? read_made(window, bytes, count, position)
                         : content_read_at(window->fd, bytes, count, position);
    if (got < (ssize_t)count) window->saved_errno = got < 0 ? errno : ENODATA;
    if (got < 0) got = 0;
  }
  memset(bytes + got, 0, count - (size_t)got);
  int64_t unhashed = window->hash_start > position ? window->hash_start - position : 0;
  if (unhashed < (int64_t)count) {
    hash_update(window->hash, bytes + unhashed, count - (size_t)unhashed);
  }
  window->length += count;
}

const uint8_t *source_window_show(struct source_window *window, int64_t start, int64_t end) {
  if (end > window->start + (int64_t)window->length) {
    size_t passed = (size_t)(start - window->start);
    window->length -= passed;
    memmove(window->bytes, window->bytes + passed, window->length);
    window->start = start;
    fill(window);
  }
  return window->bytes + (start - window->start);
}
