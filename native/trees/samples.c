/*
 * The entries of a manifest that ask most of a disk, so that it can be tried with them before anything
 * is fetched. One walk that looks at nothing but the manifest.
 */
#include <string.h>

#include "job-options.h"
#include "manifest-reader.h"
#include "manifest-words.h"
#include "module.h"
#include "trees.h"

/* What an entry may ask for that not every disk, or not everybody, can give. */
enum {
  ASKS_LINK = 1,
  ASKS_CHAR = 2,
  ASKS_BLOCK = 4,
  ASKS_FIFO = 8,
  ASKS_SOCKET = 16,
  ASKS_OWNER = 32,
  ASKS_SET_ID = 64,
  /* Attributes, by what their names begin with. */
  ASKS_USER = 128,
  ASKS_TRUSTED = 256,
  ASKS_SECURITY = 512,
  ASKS_SYSTEM = 1024,
  /* On an SELinux system it is the policy that says which labels there are. */
  ASKS_LABEL = 2048,
  /* Names that not every disk takes: with signs that other systems forbid, in UTF-8, in no UTF-8. */
  ASKS_SIGNS = 4096,
  ASKS_UTF_8 = 8192,
  ASKS_BYTES = 16384,
};

struct samples {
  JSContext *context;
  JSValueConst lines;
  unsigned seen;
  /* The lines with the largest attributes, the most names and the longest name; undefined if there is none. */
  JSValue largest, most_names, longest_name;
  size_t largest_bytes, name_length;
  uint32_t names;
};

static unsigned asks_of_format(mode_t format) {
  switch (format) {
    case S_IFLNK: return ASKS_LINK;
    case S_IFCHR: return ASKS_CHAR;
    case S_IFBLK: return ASKS_BLOCK;
    case S_IFIFO: return ASKS_FIFO;
    case S_IFSOCK: return ASKS_SOCKET;
    default: return 0;
  }
}

static unsigned asks_of_attribute(const char *name) {
  static const struct {
    const char *begins;
    unsigned asks;
  } kinds[] = {{"user.", ASKS_USER}, {"trusted.", ASKS_TRUSTED}, {"security.", ASKS_SECURITY}};
  if (is_kernel_label(name)) return ASKS_LABEL;
  for (size_t i = 0; i < COUNT_OF(kinds); i++) {
    if (strncmp(name, kinds[i].begins, strlen(kinds[i].begins)) == 0) return kinds[i].asks;
  }
  return ASKS_SYSTEM;
}

/* The number of bytes that go on the character which a byte begins; -1 if it begins none. */
static int continued_by(uint8_t byte) {
  if (byte < 0x80) return 0;
  if (byte < 0xc2 || byte > 0xf4) return -1;
  return byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
}

/* Whether a byte may follow this first one: others would spell what is no character, or has a shorter form. */
static bool may_follow(uint8_t first, uint8_t second) {
  switch (first) {
    case 0xe0: return second >= 0xa0;
    case 0xed: return second < 0xa0;
    case 0xf0: return second >= 0x90;
    case 0xf4: return second < 0x90;
    default: return true;
  }
}

static unsigned asks_of_name(const char *name) {
  static const char signs[] = "\\:*?\"<>|";
  unsigned asks = 0;
  int more = 0;
  const uint8_t *byte = (const uint8_t *)name;
  for (; *byte; byte++) {
    if (*byte < 0x20 || *byte == 0x7f || strchr(signs, *byte)) asks |= ASKS_SIGNS;
    if (*byte >= 0x80) asks |= ASKS_UTF_8;
    bool goes_on = (*byte & 0xc0) == 0x80;
    if (goes_on != (more > 0)) return asks | ASKS_BYTES;
    if (goes_on && !may_follow(byte[-1], *byte)) return asks | ASKS_BYTES;
    more = goes_on ? more - 1 : continued_by(*byte);
    if (more < 0) return asks | ASKS_BYTES;
  }
  if (more > 0) asks |= ASKS_BYTES;
  if (byte[-1] == '.' || byte[-1] == ' ') asks |= ASKS_SIGNS;
  return asks;
}

/* The line in the place of another one. -1 with an exception. */
static int keep(struct samples *samples, JSValue *kept, const struct manifest_reader *reader) {
  JSValue line = bytes_to_js(samples->context, reader->line, reader->line_length);
  if (JS_IsException(line)) return -1;
  JS_FreeValue(samples->context, *kept);
  *kept = line;
  return 0;
}

static int look_at(struct samples *samples, const struct manifest_reader *reader,
                   const struct entry *entry) {
  unsigned asks = asks_of_format(entry->format);
  if (entry->uid != 0 || entry->gid != 0) asks |= ASKS_OWNER;
  if (entry->format == S_IFREG && (entry->mode & 06000)) asks |= ASKS_SET_ID;
  const char *name = entry_name(entry);
  bool is_root = reader->entries == 1;
  size_t bytes = 0, name_length = is_root ? 0 : strlen(name);
  if (!is_root) asks |= asks_of_name(name);
  for (size_t i = 0; i < entry->xattr_count; i++) {
    asks |= asks_of_attribute(entry->xattrs[i].name);
    bytes += strlen(entry->xattrs[i].name) + entry->xattrs[i].length;
  }
  if (bytes > samples->largest_bytes) {
    samples->largest_bytes = bytes;
    if (keep(samples, &samples->largest, reader)) return -1;
  }
  if (entry->format == S_IFREG && entry->links > 1 && entry->links > samples->names) {
    samples->names = entry->links;
    if (keep(samples, &samples->most_names, reader)) return -1;
  }
  if (name_length > samples->name_length) {
    samples->name_length = name_length;
    if (keep(samples, &samples->longest_name, reader)) return -1;
  }
  if ((asks & ~samples->seen) == 0) return 0;
  samples->seen |= asks;
  return append(samples->context, samples->lines,
                bytes_to_js(samples->context, reader->line, reader->line_length));
}

static int walk_through(struct samples *samples, struct manifest_reader *reader,
                        struct entry *entry) {
  for (;;) {
    enum read_result result = manifest_next(samples->context, reader, entry);
    if (result != READ_ENTRY) return result == READ_END ? 0 : -1;
    if (look_at(samples, reader, entry)) return -1;
  }
}

NATIVE(samples_of) {
  int32_t manifest;
  if (JS_ToInt32(context, &manifest, arguments[0])) return JS_EXCEPTION;
  JSValue lines = JS_NewArray(context);
  if (JS_IsException(lines)) return lines;
  struct samples samples = {.context = context,
                            .lines = lines,
                            .largest = JS_UNDEFINED,
                            .most_names = JS_UNDEFINED,
                            .longest_name = JS_UNDEFINED};
  struct manifest_reader *reader = manifest_reader_new(context, manifest);
  struct entry *entry = reader ? js_malloc(context, sizeof *entry) : NULL;
  int failed = !entry || walk_through(&samples, reader, entry);
  js_free(context, entry);
  js_free(context, reader);
  JSValue *kept[] = {&samples.largest, &samples.most_names, &samples.longest_name};
  for (size_t i = 0; i < COUNT_OF(kept); i++) {
    if (failed || JS_IsUndefined(*kept[i])) JS_FreeValue(context, *kept[i]);
    else failed = append(context, lines, *kept[i]);
  }
  if (!failed) return lines;
  JS_FreeValue(context, lines);
  return JS_EXCEPTION;
}
