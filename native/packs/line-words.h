/* The words of a manifest's line that a pack changes, in the form in which we write them. */
#ifndef LINE_WORDS_H
#define LINE_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "../trees/manifest-words.h"

/* The value of the word that begins with `keyword` (as `size=`). False: there is none. */
bool line_word_find(const char *line, size_t length, const char *keyword, struct word *value);

/* A number of seconds is below this, either way. */
#define LINE_SECONDS_LIMIT ((int64_t)1 << 53)

struct line_time {
  int64_t seconds;
  uint32_t nanoseconds;
};

/* `-12.000000007`: nine digits after the dot, and none too many before it. */
bool line_time_parse(struct word value, struct line_time *time);

/* What old times became, when they were last seen. All zeros: nothing is known. */
#define TIME_CHANGES_LOG 12
struct time_changes {
  int64_t last_seconds;
  struct {
    bool used;
    struct line_time old, new;
  } slots[1 << TIME_CHANGES_LOG];
};

bool time_changes_find(const struct time_changes *changes, const struct line_time *old,
                       struct line_time *new);
/* The new time's seconds are counted from those of the one before. False: they are beyond the limit. */
bool time_changes_add(struct time_changes *changes, const struct line_time *old, int64_t seconds,
                      uint32_t nanoseconds, struct line_time *new);

#endif
