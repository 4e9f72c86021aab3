/*
 * Decodes a file list entry by entry (rsync flist.c recv_file_entry) and checks each by the rules of
 * the receiver; see file-list.h for what each function promises. The bytes are a stranger's: every
 * number is checked before it is used, and nothing of an incomplete entry is kept.
 */
#include "file-list.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "list-reader.h"

/* rsync.h XMIT_*. */
enum {
  SAME_MODE = 0x02,
  EXTENDED = 0x04,
  SAME_NAME = 0x20,
  LONG_NAME = 0x40,
  SAME_TIME = 0x80,
  HARD_LINKED = 0x200,
  NANOSECONDS = 0x2000,
  END_WITH_ERROR = 0x1004,
};

/* JavaScript's exact integers end here. */
#define SIZE_LIMIT (((int64_t)1 << 53) - 1)

enum phase { PHASE_ENTRIES, PHASE_ENDED, PHASE_FAILED };

struct file_list {
  struct file_list_options options;
  struct list_names names;
  enum phase phase;
  int io_error;
  /* Of all names in full. */
  int64_t names_length;
  /* Whether names begin with a slash; -1 while there is none. */
  int absolute;
  /* The entry before, as it was on the wire. */
  char name[NAME_MAX_LENGTH + 1];
  size_t name_length;
  int64_t seconds;
  uint32_t mode;
};

struct file_list *file_list_open(const struct file_list_options *options) {
  struct file_list *list = calloc(1, sizeof *list);
  struct fault fault;
  if (!list) return NULL;
  list->options = *options;
  list->absolute = -1;
  if (list_names_open(&list->names, &fault) == 0) return list;
  free(list);
  return NULL;
}

void file_list_close(struct file_list *list) {
  if (!list) return;
  list_names_close(&list->names);
  free(list);
}

/* The fields of one entry. */
struct entry {
  uint32_t flags;
  char name[NAME_MAX_LENGTH + 1];
  size_t name_length;
  int64_t size;
  int64_t seconds;
  uint32_t mode;
};

/* The same about one entry, whose name goes before the message; the name is made printable only on failure. */
__attribute__((format(printf, 4, 5))) static bool refuse_entry(struct reader *reader, bool wrong,
                                                               const struct entry *entry,
                                                               const char *format, ...) {
  if (reader->incomplete || reader->failed || !wrong) return false;
  char message[200];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  struct shown shown = show(entry->name, entry->name_length);
  return refuse(reader, true, "%s %s", shown.text, message);
}

static void read_name(const struct file_list *list, struct reader *reader, struct entry *entry) {
  size_t shared = entry->flags & SAME_NAME ? read_byte(reader) : 0;
  int64_t rest = entry->flags & LONG_NAME ? read_varint(reader) : read_byte(reader);
  if (refuse(reader, shared > list->name_length, "a name shares %zu bytes with one of %zu", shared,
             list->name_length) ||
      refuse(reader,
             rest < 0 || (int64_t)shared + rest > NAME_MAX_LENGTH || (int64_t)shared + rest == 0,
             "a name of %" PRId64 " bytes, allowed: 1 to %d", (int64_t)shared + rest,
             NAME_MAX_LENGTH)) {
    return;
  }
  const uint8_t *bytes = reader->incomplete || reader->failed ? NULL : take(reader, (size_t)rest);
  if (!bytes) return;
  memcpy(entry->name, list->name, shared);
  memcpy(entry->name + shared, bytes, (size_t)rest);
  entry->name_length = shared + (size_t)rest;
}

static bool is_known_mode(uint32_t mode) {
  if (mode > 0xffff) return false;
  return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode) || S_ISCHR(mode) || S_ISBLK(mode) ||
         S_ISFIFO(mode) || S_ISSOCK(mode);
}

static void read_entry(const struct file_list *list, struct reader *reader, struct entry *entry) {
  entry->name_length = 0;
  read_name(list, reader, entry);
  refuse_entry(reader, entry->flags & HARD_LINKED, entry,
               "is sent as a hard link, which was not asked for");
  entry->size = (int64_t)read_variable(reader, 2, 8);
  refuse_entry(reader, entry->size < 0 || entry->size > SIZE_LIMIT, entry,
               "has %" PRId64 " bytes, allowed: 0 to %" PRId64, entry->size, SIZE_LIMIT);
  entry->seconds = entry->flags & SAME_TIME ? list->seconds : (int64_t)read_variable(reader, 3, 8);
  if (list->options.protocol >= 31 && entry->flags & NANOSECONDS) {
    int32_t nanoseconds = read_varint(reader);
    refuse_entry(reader, nanoseconds < 0 || nanoseconds > 999999999, entry,
                 "has %d nanoseconds, allowed: 0 to 999999999", (int)nanoseconds);
  }
  entry->mode = entry->flags & SAME_MODE ? list->mode : read_int(reader);
  refuse_entry(reader, !is_known_mode(entry->mode), entry,
               "has mode 0%o, which is not a type of file", (unsigned)entry->mode);
}

/* Collapses doubled slashes and inner "." in place, and refuses whatever could lead out of the tree. */
static void clean_name(struct file_list *list, struct reader *reader, struct entry *entry) {
  char *name = entry->name;
  size_t length = entry->name_length, at = 0, kept = 0;
  bool absolute = length > 0 && name[0] == '/';
  refuse_entry(reader, memchr(name, 0, length) != NULL, entry, "holds a NUL byte");
  refuse_entry(reader, absolute && !list->options.relative, entry, "is an absolute name");
  refuse_entry(reader, list->absolute >= 0 && list->absolute != (int)absolute, entry,
               "is %sabsolute, unlike the names before it", absolute ? "" : "not ");
  list->absolute = absolute;
  while (at < length) {
    const char *slash = memchr(name + at, '/', length - at);
    size_t component = slash ? (size_t)(slash - name) - at : length - at;
    bool dots = component <= 2 && memcmp(name + at, "..", component) == 0;
    if (refuse_entry(reader, dots && component == 2, entry, "climbs out of the tree with \"..\"")) {
      return;
    }
    if (component > 0 && !(dots && component == 1)) {
      if (kept > 0) name[kept++] = '/';
      if (kept != at) memmove(name + kept, name + at, component);
      kept += component;
    }
    at += component + 1;
  }
  refuse_entry(reader, kept == 0 && !S_ISDIR(entry->mode), entry,
               "is the transfer's root and not a directory");
  if (kept == 0) name[kept++] = '.';
  entry->name_length = kept;
}

/* The directory of every name must be listed as one: otherwise a link could take its place. */
static int check_parents(const struct file_list *list, struct fault *fault) {
  const struct list_names *names = &list->names;
  uint32_t checked = 0;
  for (uint32_t i = 0; i < names->count; i++) {
    const struct list_entry *entry = &names->entries[names->order[i]];
    if (entry->directory == 0 || entry->directory == checked) continue;
    char text[NAME_MAX_LENGTH + 1];
    size_t length = list_names_text(names, entry, text);
    size_t parent_length = (size_t)((const char *)memrchr(text, '/', length) - text);
    if (list_names_find_kind(names, text, parent_length, true) < 0) {
      struct shown name = show(text, length), parent = show(text, parent_length);
      return fault_token(fault, "%s lies in %s, which is not listed as a directory", name.text,
                         parent.text);
    }
    checked = entry->directory;
  }
  return 0;
}

static int end_entries(struct file_list *list, int io_error, struct fault *fault) {
  list->io_error = io_error & 7;
  if (list_names_sort(&list->names, fault) || check_parents(list, fault)) return -1;
  list->phase = PHASE_ENDED;
  return 0;
}

/* One entry, or the end of the list. 1: taken; 0: its end is missing; -1 with a fault. */
static int take_entry(struct file_list *list, struct reader *reader) {
  bool varints = list->options.varint_flags;
  /* Made for every entry, and only what was read into it is used: so it is not zeroed as others are. */
  __attribute__((uninitialized)) struct entry entry;
  entry.flags = varints ? (uint32_t)read_varint(reader) : read_byte(reader);
  if (!varints && entry.flags & EXTENDED) entry.flags |= (uint32_t)read_byte(reader) << 8;
  if (entry.flags == 0 || (!varints && entry.flags == END_WITH_ERROR)) {
    int32_t io_error = varints || entry.flags != 0 ? read_varint(reader) : 0;
    if (reader->failed) return -1;
    if (reader->incomplete) return 0;
    return end_entries(list, (int)io_error, reader->fault) ? -1 : 1;
  }
  int64_t most = list->options.entries_max;
  refuse(reader, list->names.count >= most, "the file list has more than %" PRId64 " entries",
         most);
  read_entry(list, reader, &entry);
  if (reader->failed) return -1;
  if (reader->incomplete) return 0;
  memcpy(list->name, entry.name, entry.name_length);
  list->name_length = entry.name_length;
  list->seconds = entry.seconds;
  list->mode = entry.mode;
  clean_name(list, reader, &entry);
  if (reader->failed) return -1;
  if (list_names_add(&list->names, entry.name, entry.name_length, entry.size, entry.seconds,
                     entry.mode, reader->fault)) {
    return -1;
  }
  list->names_length += (int64_t)entry.name_length;
  return 1;
}

ssize_t file_list_feed(struct file_list *list, const uint8_t *bytes, size_t count,
                       struct fault *fault) {
  size_t used = 0;
  while (list->phase == PHASE_ENTRIES) {
    struct reader reader = {.at = bytes + used, .end = bytes + count, .fault = fault};
    int taken = take_entry(list, &reader);
    if (taken < 0) {
      list->phase = PHASE_FAILED;
      return -1;
    }
    if (taken == 0) break;
    used = (size_t)(reader.at - bytes);
  }
  return (ssize_t)used;
}

bool file_list_ended(const struct file_list *list) { return list->phase == PHASE_ENDED; }
bool file_list_failed(const struct file_list *list) { return list->phase == PHASE_FAILED; }
uint32_t file_list_count(const struct file_list *list) { return list->names.count; }
int64_t file_list_names_length(const struct file_list *list) { return list->names_length; }
int file_list_io_error(const struct file_list *list) { return list->io_error; }

static bool fill(const struct file_list *list, int64_t index, struct listed *found) {
  if (index < 0 || index >= list->names.count) return false;
  const struct list_entry *entry = &list->names.entries[list->names.order[index]];
  if (entry->cleared) return false;
  found->index = (uint32_t)index;
  found->size = entry->size;
  found->mode = list_entry_mode(entry);
  found->modified_seconds = (int64_t)entry->seconds_and_mode >> 16;
  found->name_length = list_names_text(&list->names, entry, found->name);
  return true;
}

bool file_list_find(const struct file_list *list, const char *name, size_t length,
                    struct listed *found) {
  if (list->phase != PHASE_ENDED || length > NAME_MAX_LENGTH) return false;
  return fill(list, list_names_find(&list->names, name, length), found);
}

bool file_list_at(const struct file_list *list, int64_t index, struct listed *found) {
  return list->phase == PHASE_ENDED && fill(list, index, found);
}
