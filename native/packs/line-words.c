/* Words of a line; see line-words.h. */
#include "line-words.h"

#include <string.h>

bool line_word_find(const char *line, size_t length, const char *keyword, struct word *value) {
  size_t keyword_length = strlen(keyword);
  struct word rest = {line, length};
  while (rest.length > 0) {
    struct word word = word_cut(&rest, ' ');
    if (word.length < keyword_length || memcmp(word.text, keyword, keyword_length) != 0) continue;
    *value = (struct word){word.text + keyword_length, word.length - keyword_length};
    return true;
  }
  return false;
}

bool line_time_parse(struct word value, struct line_time *time) {
  bool negative = value.length > 0 && value.text[0] == '-';
  struct word rest = {value.text + negative, value.length - negative};
  struct word whole = word_cut(&rest, '.');
  bool usual = whole.length == 1 || (whole.length > 1 && whole.text[0] != '0');
  int64_t seconds = word_number(whole, 10, LINE_SECONDS_LIMIT - 1);
  int64_t nanoseconds = word_number(rest, 10, 999999999);
  if (!usual || seconds < 0 || rest.length != 9 || nanoseconds < 0) return false;
  if (negative && seconds == 0) return false;
  *time = (struct line_time){negative ? -seconds : seconds, (uint32_t)nanoseconds};
  return true;
}

static unsigned slot_of(const struct line_time *time) {
  uint64_t key = (uint64_t)time->seconds * 1000000007 + time->nanoseconds;
  return (unsigned)(key * UINT64_C(0x9e3779b97f4a7c15) >> (64 - TIME_CHANGES_LOG));
}

bool time_changes_find(const struct time_changes *changes, const struct line_time *old,
                       struct line_time *new) {
  unsigned slot = slot_of(old);
  if (!changes->slots[slot].used || changes->slots[slot].old.seconds != old->seconds ||
      changes->slots[slot].old.nanoseconds != old->nanoseconds) {
    return false;
  }
  *new = changes->slots[slot].new;
  return true;
}

bool time_changes_add(struct time_changes *changes, const struct line_time *old, int64_t seconds,
                      uint32_t nanoseconds, struct line_time *new) {
  int64_t sum = changes->last_seconds + seconds;
  if (sum <= -LINE_SECONDS_LIMIT || sum >= LINE_SECONDS_LIMIT) return false;
  *new = (struct line_time){sum, nanoseconds};
  changes->last_seconds = sum;
  unsigned slot = slot_of(old);
  changes->slots[slot].used = true;
  changes->slots[slot].old = *old;
  changes->slots[slot].new = *new;
  return true;
}
