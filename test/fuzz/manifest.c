/*
 * Two whole manifests, the target's and the live tree's, with a zero byte between them: read, sampled, looked
 * up and walked side by side (native/trees). Looking up gives the very line that reading gave, and lines
 * are called the same when they are.
 */
#include <stdlib.h>
#include <string.h>

#include "../../native/trees/hard-links.h"
#include "../../native/trees/live-lines.h"
#include "../../native/trees/trees.h"
#include "budget.h"
#include "support/fuzz.h"

#define LOOKED_UP_MAX 6

struct texts {
  struct input target, live;
  int target_file, live_file;
  /* Whether the paths of all of its lines are in order. */
  bool live_is_sound;
};

/* Whether a text has these bytes as a line. */
static bool has_line(struct input text, const char *line, size_t length) {
  while (text.count > 0) {
    struct input each = input_cut(&text, '\n');
    if (each.count == length && memcmp(each.bytes, line, length) == 0) return true;
  }
  return false;
}

/* Reads one to its end, by paths alone or whole. False if it ends with an exception. */
static bool read_through(int file, struct entry *entry, bool paths_alone) {
  JSContext *context = fuzz_context();
  struct manifest_reader *reader = manifest_reader_new(context, file);
  CHECK(reader);
  enum read_result result;
  do {
    result = paths_alone ? manifest_next_path(context, reader, entry)
                         : manifest_next(context, reader, entry);
  } while (result == READ_ENTRY);
  js_free(context, reader);
  if (result == READ_FAILED) fuzz_drop(JS_EXCEPTION);
  return result == READ_END;
}

static void check_match(const struct texts *texts, enum live_match match,
                        const struct manifest_reader *reader) {
  bool there = has_line(texts->live, reader->line, reader->line_length);
  if (match == LIVE_SAME) CHECK(there);
  if (texts->live_is_sound) CHECK(there == (match == LIVE_SAME) && match != LIVE_FAILED);
}

/* Both side by side, as staging and verification do it. */
static void walk(const struct texts *texts, struct entry *entry) {
  JSContext *context = fuzz_context();
  struct live_lines live;
  struct groups groups;
  struct manifest_reader *reader = manifest_reader_new(context, texts->target_file);
  CHECK(reader && live_lines_open(context, &live, texts->live_file) == 0);
  groups_open(&groups);
  while (manifest_next(context, reader, entry) == READ_ENTRY) {
    enum live_match match = live_lines_match(context, &live, reader, entry);
    check_match(texts, match, reader);
    if (match == LIVE_FAILED) break;
    if (match == LIVE_OTHER || match == LIVE_SAME) {
      const struct entry *other = live_lines_entry(&live);
      CHECK(match == LIVE_OTHER || !other || strcmp(other->path, entry->path) == 0);
    }
    if (entry->links > 1 && !groups_enter(context, &groups, reader, entry)) break;
  }
  groups_finish(context, &groups);
  groups_release(&groups);
  live_lines_close(JS_GetRuntime(context), &live);
  js_free(context, reader);
  fuzz_drop(JS_EXCEPTION);
}

/* That a value is this line. Takes the value. */
static void check_line(JSValue found, const char *line, size_t length) {
  JSContext *context = fuzz_context();
  size_t found_length;
  CHECK(JS_IsString(found));
  char *bytes = bytes_from_js(context, found, &found_length);
  /* A line with a zero byte is no byte string. */
  if (bytes) CHECK(found_length == length && memcmp(bytes, line, length) == 0);
  js_free(context, bytes);
  fuzz_drop(found);
}

/* Looks up some entries of a sound manifest by their paths, and all files by their digests. */
static void look_up(const struct texts *texts, struct entry *entry) {
  JSContext *context = fuzz_context();
  JSValueConst file[] = {JS_NewInt32(context, texts->target_file), JS_UNDEFINED};
  JSValue index = fuzz_call(digests_open, 1, file);
  CHECK(!JS_IsException(index));
  struct manifest_reader *reader = manifest_reader_new(context, texts->target_file);
  CHECK(reader);
  for (int i = 0; i < LOOKED_UP_MAX && manifest_next(context, reader, entry) == READ_ENTRY; i++) {
    file[1] = bytes_to_js(context, entry->path, entry->path_length);
    check_line(fuzz_call(find_line, 2, file), reader->line, reader->line_length);
    fuzz_drop(file[1]);
    if (entry->format != S_IFREG) continue;
    char hex[2 * DIGEST_SIZE + 1];
    for (size_t k = 0; k < DIGEST_SIZE; k++) snprintf(hex + 2 * k, 3, "%02x", entry->digest[k]);
    JSValueConst wanted[] = {index, JS_NewString(context, hex)};
    JSValue lines = fuzz_call(digests_find, 2, wanted);
    CHECK(JS_IsArray(context, lines));
    fuzz_drop(lines);
    fuzz_drop(wanted[1]);
  }
  js_free(context, reader);
  fuzz_call(digests_close, 1, &index);
  fuzz_drop(index);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  static int target_file = -1, live_file = -1;
  static struct entry entry;
  JSContext *context = fuzz_context();
  CHECK(digests_prepare(context) == 0);
  struct input input = {bytes, count};
  struct texts texts = {.target = input_cut(&input, 0)};
  texts.live = input;
  texts.target_file = memory_file(&target_file, texts.target.bytes, texts.target.count);
  texts.live_file = memory_file(&live_file, texts.live.bytes, texts.live.count);
  texts.live_is_sound = read_through(texts.live_file, &entry, true);
  bool sound = read_through(texts.target_file, &entry, false);
  walk(&texts, &entry);
  JSValueConst file = JS_NewInt32(context, texts.target_file);
  JSValue samples = fuzz_call(samples_of, 1, &file);
  CHECK(JS_IsException(samples) == !sound);
  fuzz_drop(samples);
  if (sound) look_up(&texts, &entry);
  CHECK(budget_manifest.held == 0);
  return 0;
}
