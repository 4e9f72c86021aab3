/* The window; see old-window.h. */
#include "old-window.h"

void old_window_begin(struct old_window *window, const struct old_bytes *file) {
  window->file = file;
  window->start = 0;
  window->length = 0;
  window->failed = false;
}

const uint8_t *old_window_at(struct old_window *window, uint64_t place, size_t count) {
  uint64_t size = window->file->size;
  if (place > size || count > size - place) return NULL;
  if (place >= window->start && place - window->start + count <= window->length) {
    return window->bytes + (place - window->start);
  }
  size_t length = size - place < OLD_WINDOW_SIZE ? (size_t)(size - place) : OLD_WINDOW_SIZE;
  window->length = 0;
  if (window->file->read(window->file->owner, place, window->bytes, length)) {
    window->failed = true;
    return NULL;
  }
  window->start = place;
  window->length = length;
  return window->bytes;
}
