/* Reads a manifest line by line with bounded memory; see manifest-reader.h. */
#include "manifest-reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* How much of a path a message shows (bytes). */
#define SHOWN_LENGTH_MAX 200

struct manifest_reader *manifest_reader_new(JSContext *context, int fd) {
  struct manifest_reader *reader = js_malloc(context, sizeof *reader);
  if (!reader) return NULL;
  memset(reader, 0, offsetof(struct manifest_reader, buffer));
  reader->fd = fd;
  reader->read_length = READ_LENGTH;
  return reader;
}

int throw_manifest_error(JSContext *context, uint64_t line_number, const char *line, size_t length,
                         const char *problem) {
  const char *space = memchr(line, ' ', length);
  size_t shown = space ? (size_t)(space - line) : length;
  if (shown > SHOWN_LENGTH_MAX) shown = SHOWN_LENGTH_MAX;
  throw_named_error(context, "ManifestError", "line %" PRIu64 " of the manifest: \"%.*s\" %s",
                    line_number, (int)shown, line, problem);
  JSValue error = JS_GetException(context);
  if (JS_IsObject(error)) {
    set_property(context, error, "line", JS_NewInt64(context, (int64_t)line_number));
  }
  JS_Throw(context, error);
  return -1;
}

static enum read_result refuse(JSContext *context, const struct manifest_reader *reader,
                               const char *problem) {
  throw_manifest_error(context, reader->line_number, reader->line, reader->line_length, problem);
  return READ_FAILED;
}

/* Reads on into the rest of the buffer. The number of bytes, 0 at the end, -1 with an exception. */
static ssize_t fill(JSContext *context, struct manifest_reader *reader) {
  memmove(reader->buffer, reader->buffer + reader->start, reader->end - reader->start);
  reader->end -= reader->start;
  reader->start = 0;
  size_t room = sizeof reader->buffer - reader->end;
  if (room > reader->read_length) room = reader->read_length;
  ssize_t got;
  do got = pread(reader->fd, reader->buffer + reader->end, room, reader->position);
  while (got < 0 && errno == EINTR);
  if (got < 0) {
    throw_system_error(context, "read", "manifest", errno);
    return -1;
  }
  reader->end += (size_t)got;
  reader->position += got;
  return got;
}

void manifest_seek(struct manifest_reader *reader, int64_t offset) {
  reader->position = offset;
  reader->start = reader->end = 0;
  reader->line_number = 0;
  /* The end of a line is the same wherever the search began. */
  reader->entries = 1;
}

/* The next line, whatever it is. */
static enum read_result next_raw(JSContext *context, struct manifest_reader *reader) {
  size_t searched = 0;
  for (;;) {
    const char *begin = reader->buffer + reader->start;
    size_t held = reader->end - reader->start;
    const char *newline = memchr(begin + searched, '\n', held - searched);
    reader->line = begin;
    reader->line_length = newline ? (size_t)(newline - begin) : held;
    if (reader->line_length > LINE_LENGTH_MAX) {
      reader->line_number++;
      return refuse(context, reader, "is a line of more than 128 KiB");
    }
    if (newline) {
      reader->line_offset = reader->position - (int64_t)held;
      reader->start += reader->line_length + 1;
      reader->line_number++;
      return READ_ENTRY;
    }
    searched = held;
    ssize_t got = fill(context, reader);
    if (got < 0) return READ_FAILED;
    if (got > 0) continue;
    if (held == 0) return READ_END;
    reader->line_number++;
    reader->line = reader->buffer;
    return refuse(context, reader, "is the last line, and has no newline");
  }
}

enum read_result manifest_next_line(JSContext *context, struct manifest_reader *reader) {
  for (;;) {
    enum read_result result = next_raw(context, reader);
    if (result == READ_END && reader->entries == 0) {
      reader->line = "";
      reader->line_length = 0;
      return refuse(context, reader, "is the end, and no entry came");
    }
    if (result != READ_ENTRY) return result;
    if (reader->line_length > 0 && reader->line[0] != '#') {
      reader->entries++;
      return READ_ENTRY;
    }
  }
}

/* NULL, or why an entry can't follow the one before it. */
static const char *check_order(struct manifest_reader *reader, const struct entry *entry) {
  const char *path = entry->path;
  if (reader->entries == 1) {
    if (entry->path_length != 1 || path[0] != '.') return "comes first, where \".\" should";
  } else if (path_compare(reader->last, reader->last_length, path, entry->path_length) >= 0) {
    return "is out of order";
  }
  return NULL;
}

static void remember(struct manifest_reader *reader, const struct entry *entry) {
  memcpy(reader->last, entry->path, entry->path_length);
  reader->last_length = entry->path_length;
  reader->paths_length += entry->path_length;
}

/* Forgets the directories that are done, and finds the entry's parent among the others. */
static const char *check_parent(struct manifest_reader *reader, const struct entry *entry) {
  const char *path = entry->path;
  size_t limit = entry->path_length;
  if (limit > reader->last_length) limit = reader->last_length;
  size_t common = 0;
  while (common < limit && path[common] == reader->last[common]) common++;
  size_t count = reader->directory_count;
  while (count > 0) {
    size_t length = reader->directories[count - 1].length;
    /* "a-b" comes between "a" and "a/x", since '-' is before '/'; "a0" comes after them. */
    bool shared = length <= common && length < entry->path_length;
    if (shared && (unsigned char)path[length] <= '/') break;
    count--;
  }
  reader->directory_count = count;
  reader->parent = NULL;
  if (entry->parent_length == 0) return NULL;
  while (count > 0 && reader->directories[count - 1].length > entry->parent_length) count--;
  if (count == 0 || reader->directories[count - 1].length != entry->parent_length) {
    return "has no directory above it in the manifest";
  }
  reader->parent = &reader->directories[count - 1];
  return NULL;
}

enum read_result manifest_next(JSContext *context, struct manifest_reader *reader,
                               struct entry *entry) {
  enum read_result result = manifest_next_line(context, reader);
  if (result != READ_ENTRY) return result;
  const char *problem = entry_parse(entry, reader->line, reader->line_length);
  if (!problem) problem = check_order(reader, entry);
  if (!problem) problem = check_parent(reader, entry);
  if (problem) return refuse(context, reader, problem);
  remember(reader, entry);
  if (entry->format == S_IFDIR && reader->entries > 1) {
    struct open_directory *directory = &reader->directories[reader->directory_count++];
    directory->length = (uint16_t)entry->path_length;
    directory->mark = false;
  }
  return READ_ENTRY;
}

enum read_result manifest_next_path(JSContext *context, struct manifest_reader *reader,
                                    struct entry *entry) {
  enum read_result result = manifest_next_line(context, reader);
  if (result != READ_ENTRY) return result;
  const char *problem = entry_parse_path(entry, reader->line, reader->line_length);
  if (!problem) problem = check_order(reader, entry);
  if (problem) return refuse(context, reader, problem);
  remember(reader, entry);
  return READ_ENTRY;
}

/* The order isn't checked: whatever was read before comes before an entry that `other` has read. */
bool manifest_take_line(struct manifest_reader *reader, const struct manifest_reader *other,
                        const struct entry *entry) {
  size_t length = other->line_length;
  const char *begin = reader->buffer + reader->start;
  if (reader->end - reader->start <= length || begin[length] != '\n' ||
      memcmp(begin, other->line, length) != 0) {
    return false;
  }
  reader->line = begin;
  reader->line_length = length;
  reader->line_offset = reader->position - (int64_t)(reader->end - reader->start);
  reader->start += length + 1;
  reader->line_number++;
  reader->entries++;
  remember(reader, entry);
  return true;
}

void manifest_mark_directory(struct manifest_reader *reader, bool mark) {
  if (reader->entries == 1) reader->root_mark = mark;
  else reader->directories[reader->directory_count - 1].mark = mark;
}

bool manifest_parent_mark(const struct manifest_reader *reader) {
  return reader->parent ? reader->parent->mark : reader->root_mark;
}
