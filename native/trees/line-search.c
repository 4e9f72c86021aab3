/* Looks lines up by path; see line-search.h. */
#include "line-search.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "module.h"
#include "trees.h"

/* In a stretch this short, reading on is as fast as searching (bytes). */
#define SEARCH_LENGTH_MIN (4 * 1024)
/* So many lines are read before a search begins: it reads about as many. */
#define READ_ON_MAX 16

enum order { BEFORE = -1, SAME = 0, AFTER = 1, AT_END = 2, FAILED = 3 };

int line_search_open(JSContext *context, struct line_search *search, int manifest) {
  *search = (struct line_search){.context = context};
  search->reader = manifest_reader_new(context, manifest);
  search->entry = search->reader ? js_malloc(context, sizeof *search->entry) : NULL;
  if (search->reader) search->reader->read_length = LOOKUP_LENGTH;
  return search->entry ? 0 : -1;
}

void line_search_release(JSRuntime *runtime, struct line_search *search) {
  js_free_rt(runtime, search->entry);
  js_free_rt(runtime, search->reader);
  *search = (struct line_search){0};
}

/* Whether the path comes before the entry, is it, or comes after it. */
static enum order order_of(const struct line_search *search, const char *path, size_t length) {
  int order = path_compare(path, length, search->entry->path, search->entry->path_length);
  return order < 0 ? BEFORE : order > 0 ? AFTER : SAME;
}

/* Reads the next line; the order of the path to it. FAILED has thrown. */
static enum order next_order(struct line_search *search, const char *path, size_t length) {
  struct manifest_reader *reader = search->reader;
  search->has_entry = false;
  enum read_result result = manifest_next_line(search->context, reader);
  if (result != READ_ENTRY) return result == READ_END ? AT_END : FAILED;
  const char *problem = entry_parse_path(search->entry, reader->line, reader->line_length);
  if (problem) {
    throw_manifest_error(search->context, 0, reader->line, reader->line_length, problem);
    return FAILED;
  }
  search->has_entry = true;
  return order_of(search, path, length);
}

/* Skips to the start of the next line after an offset, or to the end. -1 with an exception. */
static int seek_line(struct line_search *search, int64_t offset) {
  struct manifest_reader *reader = search->reader;
  manifest_seek(reader, offset);
  search->has_entry = false;
  ssize_t got;
  do {
    while (reader->start < reader->end) {
      if (reader->buffer[reader->start++] == '\n') return 0;
    }
    reader->start = reader->end = 0;
    do got = pread(reader->fd, reader->buffer, reader->read_length, reader->position);
    while (got < 0 && errno == EINTR);
    if (got < 0) {
      throw_system_error(search->context, "read", "manifest", errno);
      return -1;
    }
    reader->end = (size_t)got;
    reader->position += got;
  } while (got > 0);
  return 0;
}

static enum search_result read_until(struct line_search *search, const char *path, size_t length) {
  for (;;) {
    enum order order = next_order(search, path, length);
    if (order == SAME) return SEARCH_FOUND;
    if (order != AFTER) return order == FAILED ? SEARCH_FAILED : SEARCH_ABSENT;
  }
}

/* Narrows the stretch where the line begins, then reads it. */
static enum search_result search_all(struct line_search *search, const char *path, size_t length) {
  struct stat status;
  if (fstat(search->reader->fd, &status)) {
    throw_system_error(search->context, "stat", "manifest", errno);
    return SEARCH_FAILED;
  }
  int64_t low = 0, high = status.st_size;
  while (high - low > SEARCH_LENGTH_MIN) {
    int64_t middle = low + (high - low) / 2;
    if (seek_line(search, middle)) return SEARCH_FAILED;
    enum order order = next_order(search, path, length);
    if (order == FAILED) return SEARCH_FAILED;
    if (order == SAME) return SEARCH_FOUND;
    if (order == AFTER) low = middle;
    else high = middle;
  }
  /* `low` lies in a line that comes before the wanted one, or is the start. */
  if (low == 0) manifest_seek(search->reader, 0);
  else if (seek_line(search, low)) return SEARCH_FAILED;
  return read_until(search, path, length);
}

enum search_result line_search(struct line_search *search, const char *path, size_t length) {
  enum order order = search->has_entry ? order_of(search, path, length) : BEFORE;
  for (int i = 0; order == AFTER && i < READ_ON_MAX; i++) {
    order = next_order(search, path, length);
    /* What comes after it, or the end, says that it is not there. */
    if (order == FAILED) return SEARCH_FAILED;
    if (order == BEFORE || order == AT_END) return SEARCH_ABSENT;
  }
  return order == SAME ? SEARCH_FOUND : search_all(search, path, length);
}

NATIVE(find_line) {
  int32_t manifest;
  if (JS_ToInt32(context, &manifest, arguments[0])) return JS_EXCEPTION;
  size_t length;
  char *path = bytes_from_js(context, arguments[1], &length);
  if (!path) return JS_EXCEPTION;
  struct line_search search;
  enum search_result found = SEARCH_FAILED;
  if (line_search_open(context, &search, manifest) == 0) found = line_search(&search, path, length);
  JSValue line = found == SEARCH_FAILED ? JS_EXCEPTION : JS_UNDEFINED;
  if (found == SEARCH_FOUND) {
    line = bytes_to_js(context, search.reader->line, search.reader->line_length);
  }
  line_search_release(JS_GetRuntime(context), &search);
  js_free(context, path);
  return line;
}
