/*
 * Looks lines of a manifest up by the digest of their content: an index of 12 bytes a line, which holds
 * no lines in memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "budget.h"
#include "digest-choice.h"
#include "job-options.h"
#include "manifest-reader.h"
#include "manifest-words.h"
#include "module.h"
#include "trees.h"

/* More places of the same content would be no use. */
#define LINES_FOUND_MAX 16

/*
 * The start of a digest, and where its line begins. In words of 32 bits, so that it takes 12 bytes.
 */
struct digest_place {
  uint32_t prefix[2];
  uint32_t offset;
};

struct digest_index {
  int manifest;
  /* Both are large, and there is a look-up for each changed file, so they are made once. */
  struct manifest_reader *reader;
  struct entry *entry;
  struct digest_place *places;
  size_t count;
  size_t capacity;
};

static JSClassID digests_class;

static void digests_release(JSRuntime *runtime, struct digest_index *index) {
  if (index->manifest >= 0) close(index->manifest);
  js_free_rt(runtime, index->entry);
  js_free_rt(runtime, index->reader);
  budget_free(&budget_manifest, index->places);
  free(index);
}

static void digests_finalize(JSRuntime *runtime, JSValue value) {
  struct digest_index *index = JS_GetOpaque(value, digests_class);
  if (index) digests_release(runtime, index);
}

int digests_prepare(JSContext *context) {
  static const JSClassDef definition = {"DigestIndex", .finalizer = digests_finalize};
  return class_register(context, &digests_class, &definition);
}

static int compare_prefixes(const struct digest_place *a, const struct digest_place *b) {
  for (int i = 0; i < 2; i++) {
    if (a->prefix[i] != b->prefix[i]) return a->prefix[i] < b->prefix[i] ? -1 : 1;
  }
  return 0;
}

static int compare_places(const void *a_place, const void *b_place) {
  const struct digest_place *a = a_place, *b = b_place;
  int order = compare_prefixes(a, b);
  return order ? order : (a->offset > b->offset) - (a->offset < b->offset);
}

static int add_place(JSContext *context, struct digest_index *index, const uint8_t *digest,
                     int64_t offset) {
  if (offset > UINT32_MAX) {
    throw_manifest_error(context, 0, "", 0, "the manifest has more than 4 GiB");
    return -1;
  }
  if (index->count == index->capacity) {
    size_t capacity = index->capacity ? index->capacity + index->capacity / 2 : 256;
    struct digest_place *places =
        budget_resize(&budget_manifest, index->places, capacity * sizeof *places);
    if (!places) {
      budget_throw(context, &budget_manifest);
      return -1;
    }
    index->places = places;
    index->capacity = capacity;
  }
  struct digest_place *place = &index->places[index->count++];
  memcpy(place->prefix, digest, sizeof place->prefix);
  place->offset = (uint32_t)offset;
  return 0;
}

static int fill_index(JSContext *context, struct digest_index *index,
                      struct digest_choice *choice) {
  struct manifest_reader *reader = manifest_reader_new(context, index->manifest);
  struct entry *entry = reader ? js_malloc(context, sizeof *entry) : NULL;
  index->reader = reader;
  index->entry = entry;
  int result = -1;
  while (entry) {
    enum read_result read = manifest_next(context, reader, entry);
    if (read != READ_ENTRY) {
      result = read == READ_END ? 0 : -1;
      break;
    }
    int takes = digest_choice_takes(context, choice, reader, entry);
    if (takes < 0) break;
    if (takes && add_place(context, index, entry->digest, reader->line_offset)) break;
  }
  if (result) return -1;
  reader->read_length = LOOKUP_LENGTH;
  if (index->count > 1) {
    qsort(index->places, index->count, sizeof *index->places, compare_places);
  }
  return 0;
}

static int choose_and_fill(JSContext *context, struct digest_index *index, JSValueConst options) {
  struct digest_choice choice;
  int failed = digest_choice_open(context, &choice, index->manifest, options);
  if (!failed) failed = fill_index(context, index, &choice);
  digest_choice_release(JS_GetRuntime(context), &choice);
  return failed;
}

/* A duplicate of the descriptor in an argument; -1 with an exception. */
static int own_fd(JSContext *context, JSValueConst value) {
  JSValue holder = JS_NewObject(context);
  int fd = -1;
  if (JS_IsException(holder)) return -1;
  if (set_property(context, holder, "manifest", JS_DupValue(context, value)) == 0) {
    if (fd_option(context, holder, "manifest", &fd) == 0 && fd < 0) {
      JS_ThrowTypeError(context, "manifest is missing");
    }
  }
  JS_FreeValue(context, holder);
  return fd;
}

NATIVE(digests_open) {
  struct digest_index *index = calloc(1, sizeof *index);
  if (!index) return JS_ThrowOutOfMemory(context);
  index->manifest = own_fd(context, arguments[0]);
  if (index->manifest >= 0 && choose_and_fill(context, index, arguments[1]) == 0) {
    JSValue object = JS_NewObjectClass(context, (int)digests_class);
    if (!JS_IsException(object)) {
      JS_SetOpaque(object, index);
      return object;
    }
  }
  digests_release(JS_GetRuntime(context), index);
  return JS_EXCEPTION;
}

/* Appends the line at the offset if its digest is this one. -1 with an exception. */
static int add_match(JSContext *context, JSValueConst lines, struct manifest_reader *reader,
                     struct entry *entry, int64_t offset, const uint8_t *digest) {
  manifest_seek(reader, offset);
  enum read_result result = manifest_next_line(context, reader);
  if (result != READ_ENTRY) return result == READ_END ? 0 : -1;
  const char *problem = entry_parse(entry, reader->line, reader->line_length);
  if (problem) {
    return throw_manifest_error(context, 0, reader->line, reader->line_length, problem);
  }
  if (memcmp(entry->digest, digest, DIGEST_SIZE) != 0) return 0;
  return append(context, lines, bytes_to_js(context, reader->line, reader->line_length));
}

/* All lines with the digest. -1 with an exception. */
static int find_lines(JSContext *context, const struct digest_index *index, const uint8_t *digest,
                      JSValueConst lines) {
  struct digest_place wanted = {.offset = 0};
  memcpy(wanted.prefix, digest, sizeof wanted.prefix);
  size_t low = 0, high = index->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (compare_places(&index->places[middle], &wanted) < 0) low = middle + 1;
    else high = middle;
  }
  if (low == index->count || compare_prefixes(&index->places[low], &wanted) != 0) return 0;
  int failed = 0;
  for (int found = 0; !failed && found < LINES_FOUND_MAX && low < index->count; found++, low++) {
    if (compare_prefixes(&index->places[low], &wanted) != 0) break;
    failed =
        add_match(context, lines, index->reader, index->entry, index->places[low].offset, digest);
  }
  return failed;
}

NATIVE(digests_find) {
  struct digest_index *index = JS_GetOpaque2(context, arguments[0], digests_class);
  if (!index) return JS_EXCEPTION;
  struct word hex;
  uint8_t digest[DIGEST_SIZE];
  hex.text = JS_ToCStringLen(context, &hex.length, arguments[1]);
  if (!hex.text) return JS_EXCEPTION;
  int malformed = word_hex(hex, digest, sizeof digest);
  JS_FreeCString(context, hex.text);
  if (malformed) return JS_ThrowTypeError(context, "not a digest");
  JSValue lines = JS_NewArray(context);
  if (JS_IsException(lines) || find_lines(context, index, digest, lines) == 0) return lines;
  JS_FreeValue(context, lines);
  return JS_EXCEPTION;
}

NATIVE(digests_close) {
  struct digest_index *index = JS_GetOpaque(arguments[0], digests_class);
  if (!index) return JS_UNDEFINED;
  JS_SetOpaque(arguments[0], NULL);
  digests_release(JS_GetRuntime(context), index);
  return JS_UNDEFINED;
}
