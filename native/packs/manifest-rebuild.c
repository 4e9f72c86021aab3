/* A manifest line by line; see manifest-rebuild.h. */
#include "manifest-rebuild.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../checksums/hash.h"
#include "budget.h"
#include "line-reader.h"
#include "line-words.h"

enum operation {
  OPERATION_END,
  OPERATION_REMOVE,
  OPERATION_ADD,
  OPERATION_REPLACE,
  OPERATION_CHANGE
};
#define CHANGE_TIME 8
#define CHANGE_SIZE 16
#define CHANGE_DIGEST 32
#define CHANGES (CHANGE_TIME | CHANGE_SIZE | CHANGE_DIGEST)

struct rebuilding {
  struct frame_reader *frames;
  struct output *output;
  int64_t size_max;
  struct line_reader old;
  struct time_changes times;
};

static int put(struct rebuilding *rebuilding, const void *bytes, size_t count,
               struct fault *fault) {
  if ((int64_t)count > rebuilding->size_max - rebuilding->output->size) {
    return frame_fault(rebuilding->frames, fault,
                       "the manifest grows past the %" PRId64 " bytes that it may have",
                       rebuilding->size_max);
  }
  return output_write(rebuilding->output, bytes, count, fault);
}

static int put_line(struct rebuilding *rebuilding, const char *line, size_t length,
                    struct fault *fault) {
  return put(rebuilding, line, length, fault) || put(rebuilding, "\n", 1, fault) ? -1 : 0;
}

/* The next 32 bytes of fixes, in hex. */
static int put_digest(struct rebuilding *rebuilding, struct fault *fault) {
  char text[2 * DIGEST_SIZE + 1];
  const uint8_t *bytes = section_take(rebuilding->frames, SECTION_FIXES, DIGEST_SIZE, fault);
  if (!bytes) return -1;
  hash_hex(bytes, DIGEST_SIZE, text);
  return put(rebuilding, text, 2 * DIGEST_SIZE, fault);
}

static int next_old(struct rebuilding *rebuilding, struct fault *fault) {
  int there = line_reader_next(&rebuilding->old, fault);
  if (there == 1) return 0;
  if (there == 0) frame_fault(rebuilding->frames, fault, "the old manifest has no such line");
  return -1;
}

static int keep_lines(struct rebuilding *rebuilding, uint64_t count, struct fault *fault) {
  for (uint64_t i = 0; i < count; i++) {
    if (next_old(rebuilding, fault)) return -1;
    if (put_line(rebuilding, rebuilding->old.line, rebuilding->old.length, fault)) return -1;
  }
  return 0;
}

/* A line of the text section, into which its digest goes. */
static int add_line(struct rebuilding *rebuilding, struct fault *fault) {
  struct frame_reader *frames = rebuilding->frames;
  uint32_t left = section_left(frames, SECTION_TEXT);
  const char *line = (const char *)section_take(frames, SECTION_TEXT, 0, fault);
  const char *newline = line ? memchr(line, '\n', left) : NULL;
  if (!newline || newline - line > LINE_LENGTH_MAX) {
    return frame_fault(frames, fault, "a new line has no end within %d bytes and its section",
                       LINE_LENGTH_MAX);
  }
  size_t length = (size_t)(newline - line);
  section_take(frames, SECTION_TEXT, (uint32_t)length + 1, fault);
  struct word digest;
  if (!line_word_find(line, length, "sha256digest=", &digest) || digest.length > 0) {
    return put_line(rebuilding, line, length, fault);
  }
  size_t before = (size_t)(digest.text - line);
  if (put(rebuilding, line, before, fault) || put_digest(rebuilding, fault)) return -1;
  return put_line(rebuilding, digest.text, length - before, fault);
}

enum { WORD_TIME, WORD_SIZE, WORD_DIGEST, WORD_COUNT };

/* A word that changes, and what it becomes; a digest comes from the pack when it is its turn. */
struct change {
  struct word word;
  char text[40];
};

/* Which words of the line change. */
static int find_words(struct rebuilding *rebuilding, unsigned changes, struct change *words,
                      struct fault *fault) {
  static const struct {
    const char *keyword;
    unsigned flag;
  } known[] = {{"time=", CHANGE_TIME}, {"size=", CHANGE_SIZE}, {"sha256digest=", CHANGE_DIGEST}};
  for (int i = 0; i < WORD_COUNT; i++) {
    struct word *word = &words[i].word;
    if (!(changes & known[i].flag)) continue;
    bool found =
        line_word_find(rebuilding->old.line, rebuilding->old.length, known[i].keyword, word);
    if (found && (i != WORD_DIGEST || word->length == 2 * DIGEST_SIZE)) continue;
    return frame_fault(rebuilding->frames, fault, "an old line has no %s that could be changed",
                       known[i].keyword);
  }
  return 0;
}

static int change_time(struct rebuilding *rebuilding, struct change *change, struct fault *fault) {
  struct frame_reader *frames = rebuilding->frames;
  struct line_time old, new;
  uint64_t is_new, nanoseconds;
  int64_t seconds;
  if (!line_time_parse(change->word, &old)) {
    return frame_fault(frames, fault, "an old line has no time that could be changed");
  }
  if (section_number_up_to(frames, SECTION_GAPS, "the way of a time", 1, &is_new, fault)) return -1;
  if (!is_new) {
    if (!time_changes_find(&rebuilding->times, &old, &new)) {
      return frame_fault(frames, fault, "a time is said to be known, and is not");
    }
  } else {
    if (section_signed(frames, SECTION_GAPS, "a time's seconds", &seconds, fault) ||
        section_number_up_to(frames, SECTION_GAPS, "a time's nanoseconds", 999999999, &nanoseconds,
                             fault)) {
      return -1;
    }
    if (!time_changes_add(&rebuilding->times, &old, seconds, (uint32_t)nanoseconds, &new)) {
      return frame_fault(frames, fault, "a time is %" PRId64 " seconds after the one before",
                         seconds);
    }
  }
  snprintf(change->text, sizeof change->text, "%" PRId64 ".%09" PRIu32, new.seconds,
           new.nanoseconds);
  return 0;
}

static int change_size(struct rebuilding *rebuilding, struct change *change, struct fault *fault) {
  int64_t difference, old = word_number(change->word, 10, INT64_MAX / 2);
  if (old < 0) {
    return frame_fault(rebuilding->frames, fault, "an old line has no size that could be changed");
  }
  if (section_signed(rebuilding->frames, SECTION_GAPS, "a size", &difference, fault)) return -1;
  if (old + difference < 0) {
    return frame_fault(rebuilding->frames, fault, "a size becomes %" PRId64, old + difference);
  }
  snprintf(change->text, sizeof change->text, "%" PRId64, old + difference);
  return 0;
}

/* The first word that changes from `at` on. They stand in the line in any order. */
static struct change *next_word(struct change *words, const char *at) {
  struct change *next = NULL;
  for (int i = 0; i < WORD_COUNT; i++) {
    const char *text = words[i].word.text;
    if (text && text >= at && (!next || text < next->word.text)) next = &words[i];
  }
  return next;
}

/* The next old line, with other words. They are coded in the order of time, size, digest. */
static int change_line(struct rebuilding *rebuilding, unsigned changes, struct fault *fault) {
  struct change words[WORD_COUNT] = {0}, *next;
  const char *at = rebuilding->old.line, *end = at + rebuilding->old.length;
  if (find_words(rebuilding, changes, words, fault)) return -1;
  if (changes & CHANGE_TIME && change_time(rebuilding, &words[WORD_TIME], fault)) return -1;
  if (changes & CHANGE_SIZE && change_size(rebuilding, &words[WORD_SIZE], fault)) return -1;
  while ((next = next_word(words, at))) {
    if (put(rebuilding, at, (size_t)(next->word.text - at), fault)) return -1;
    int failed = next == &words[WORD_DIGEST]
                     ? put_digest(rebuilding, fault)
                     : put(rebuilding, next->text, strlen(next->text), fault);
    if (failed) return -1;
    at = next->word.text + next->word.length;
  }
  return put_line(rebuilding, at, (size_t)(end - at), fault);
}

static int operate(struct rebuilding *rebuilding, unsigned operation, struct fault *fault) {
  unsigned changes = operation & CHANGES;
  bool drops = operation == OPERATION_REMOVE || operation == OPERATION_REPLACE;
  bool adds = operation == OPERATION_ADD || operation == OPERATION_REPLACE;
  bool alters = changes && operation == (OPERATION_CHANGE | changes);
  if (!drops && !adds && !alters) {
    return frame_fault(rebuilding->frames, fault, "%u is no change of a line", operation);
  }
  if ((drops || alters) && next_old(rebuilding, fault)) return -1;
  if (alters) return change_line(rebuilding, changes, fault);
  return adds ? add_line(rebuilding, fault) : 0;
}

/* The last frame of the manifest must say the last of it. */
static int finish(struct rebuilding *rebuilding, struct fault *fault) {
  if (!frame_used_up(rebuilding->frames)) {
    return frame_fault(rebuilding->frames, fault, "the manifest has ended, and its frame has not");
  }
  int more = line_reader_next(&rebuilding->old, fault);
  if (more < 0) return -1;
  if (more > 0) {
    return frame_fault(rebuilding->frames, fault, "the old manifest goes on where it should end");
  }
  return output_flush(rebuilding->output, fault) ? -1 : 1;
}

static int next_frame(struct rebuilding *rebuilding, struct fault *fault) {
  struct frame_reader *frames = rebuilding->frames;
  if (!frame_used_up(frames)) {
    return frame_fault(frames, fault, "its changes have ended, and its other sections have not");
  }
  int there = frame_next(frames, fault);
  if (there != 1) return there;
  if (frame_kind(frames) != FRAME_MANIFEST || frame_number(frames) > MANIFEST_FRAMES_MAX) {
    return frame_fault(frames, fault,
                       "kind %d, where one of at most %d frames of the manifest is due",
                       frame_kind(frames), MANIFEST_FRAMES_MAX);
  }
  return 1;
}

static int rebuild(struct rebuilding *rebuilding, struct fault *fault) {
  struct frame_reader *frames = rebuilding->frames;
  uint64_t kept;
  for (;;) {
    while (section_left(frames, SECTION_CONTROL) == 0) {
      int there = next_frame(rebuilding, fault);
      if (there != 1) return there;
    }
    if (section_number(frames, SECTION_CONTROL, "the number of lines that stay", &kept, fault)) {
      return -1;
    }
    const uint8_t *operation = section_take(frames, SECTION_CONTROL, 1, fault);
    if (!operation || keep_lines(rebuilding, kept, fault)) return -1;
    if (*operation == OPERATION_END) return finish(rebuilding, fault);
    if (operate(rebuilding, *operation, fault)) return -1;
  }
}

int manifest_rebuild(struct frame_reader *frames, int old_fd, struct output *output,
                     int64_t size_max, struct fault *fault) {
  struct rebuilding *rebuilding = budget_take(&budget_pack, 1, sizeof *rebuilding);
  if (!rebuilding) return fault_memory(fault, &budget_pack);
  rebuilding->frames = frames;
  rebuilding->output = output;
  rebuilding->size_max = size_max;
  line_reader_begin(&rebuilding->old, old_fd, 0);
  frame_seek(frames, 0, 0);
  int result = rebuild(rebuilding, fault);
  budget_free(&budget_pack, rebuilding);
  return result;
}
