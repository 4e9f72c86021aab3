/* Suffix sort and bsdiff's walk; see the header. */
#include "matching.h"

#include <divsufsort.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "fail.h"

/*
 * As much of the old file is sorted at once (five bytes of memory for each), and for so much of the new file.
 * What moved further than their difference in between isn't found, which costs bytes and nothing else.
 */
#define WINDOW ((size_t)64 << 20)
#define STRIDE ((size_t)32 << 20)
/* No longer match is looked for at once: in files that repeat themselves each step would cost its length. */
#define MATCH_MAX 16384u

/* One window: places in it count from its start. */
struct walk {
  const int32_t *sorted;
  struct content old, new;
  unsigned slack;
  /* The alignment that is being followed: where it began, and in which place of the old file. */
  size_t start, old_start;
  int64_t shift;
  struct blocks *found;
  /* Where the window begins in the two files. */
  size_t old_offset, new_offset;
};

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* How many bytes are equal, at most `most`. */
static size_t common(const uint8_t *a, const uint8_t *b, size_t most) {
  size_t i = 0;
  for (; i + 8 <= most; i += 8) {
    uint64_t x, y;
    memcpy(&x, a + i, 8);
    memcpy(&y, b + i, 8);
    if (x != y) break;
  }
  while (i < most && a[i] == b[i]) i++;
  return i;
}

/* The longest match of the new file from `at`, and where it is in the old one. */
static size_t longest(const struct walk *walk, size_t at, size_t *place) {
  const uint8_t *wanted = walk->new.bytes + at;
  const uint8_t *old = walk->old.bytes;
  size_t wanted_length = smaller(walk->new.length - at, MATCH_MAX);
  size_t low = 0, high = walk->old.length, low_common = 0, high_common = 0, best = 0;
  *place = 0;
  /* What stands before `low` is smaller than what is wanted, and what stands from `high` on is larger. */
  while (low < high) {
    size_t middle = low + (high - low) / 2, from = (size_t)walk->sorted[middle];
    size_t most = smaller(walk->old.length - from, wanted_length);
    size_t length = smaller(smaller(low_common, high_common), most);
    length += common(old + from + length, wanted + length, most - length);
    if (length > best) {
      best = length;
      *place = from;
    }
    if (length == wanted_length) return best;
    bool is_less = length == most || old[from + length] < wanted[length];
    if (is_less) {
      low = middle + 1;
      low_common = length;
    } else {
      high = middle;
      high_common = length;
    }
  }
  return best;
}

/* Whether the alignment that is being followed explains this byte. */
static bool explains(const struct walk *walk, size_t at) {
  int64_t place = (int64_t)at + walk->shift;
  return place >= 0 && place < (int64_t)walk->old.length &&
         walk->old.bytes[place] == walk->new.bytes[at];
}

/* How far the followed alignment reaches forward, at most to `end`: until more bytes differ than agree. */
static size_t reach_forward(const struct walk *walk, size_t end) {
  size_t reach = 0;
  int64_t score = 0, best = 0;
  for (size_t i = 0; walk->start + i < end && walk->old_start + i < walk->old.length;) {
    score += walk->old.bytes[walk->old_start + i] == walk->new.bytes[walk->start + i] ? 1 : -1;
    i++;
    if (score > best) {
      best = score;
      reach = i;
    }
  }
  return reach;
}

/* How far a new alignment at `at` reaches back. */
static size_t reach_back(const struct walk *walk, size_t at, size_t place) {
  size_t reach = 0;
  int64_t score = 0, best = 0;
  if (at >= walk->new.length) return 0;
  for (size_t i = 1; at >= walk->start + i && place >= i; i++) {
    score += walk->old.bytes[place - i] == walk->new.bytes[at - i] ? 1 : -1;
    if (score > best) {
      best = score;
      reach = i;
    }
  }
  return reach;
}

/* Of the bytes that both alignments claim, how many go to the earlier one. */
static size_t cut_of(const struct walk *walk, size_t from, size_t length, size_t at, size_t place) {
  size_t cut = 0;
  int64_t score = 0, best = 0;
  for (size_t i = 0; i < length; i++) {
    uint8_t byte = walk->new.bytes[from + i];
    score += byte == walk->old.bytes[walk->old_start + (from - walk->start) + i];
    score -= byte == walk->old.bytes[place - (at - from) + i];
    if (score > best) {
      best = score;
      cut = i + 1;
    }
  }
  return cut;
}

static void blocks_add(struct blocks *blocks, struct block block) {
  if (blocks->count > 0) {
    struct block *last = &blocks->list[blocks->count - 1];
    /* At the edge of a window an alignment may go on. */
    if (last->new_place + last->length == block.new_place &&
        last->old_place + last->length == block.old_place) {
      last->length += block.length;
      return;
    }
  }
  if (blocks->count == blocks->capacity) {
    blocks->capacity = blocks->capacity * 2 + 64;
    void *list = realloc(blocks->list, blocks->capacity * sizeof *blocks->list);
    if (!list) out_of_memory();
    blocks->list = list;
  }
  blocks->list[blocks->count++] = block;
}

/* Ends the followed alignment where one that matches at `at` begins, which is followed from now on. */
static void change_alignment(struct walk *walk, size_t at, size_t place) {
  size_t forward = reach_forward(walk, at), back = reach_back(walk, at, place);
  if (walk->start + forward > at - back) {
    size_t from = at - back, length = walk->start + forward - from;
    size_t cut = cut_of(walk, from, length, at, place);
    forward -= length - cut;
    back -= cut;
  }
  if (forward > 0) {
    blocks_add(walk->found,
               (struct block){(uint32_t)(walk->start + walk->new_offset),
                              (uint32_t)(walk->old_start + walk->old_offset), (uint32_t)forward});
  }
  walk->start = at - back;
  walk->old_start = place - back;
  walk->shift = (int64_t)place - (int64_t)at;
}

/*
 * Keeps to an alignment while it explains nearly as many bytes as the best match does, and then begins the
 * next one there.
 */
static void walk_window(struct walk *walk) {
  size_t at = 0, length = 0, place = 0, end = walk->new.length;
  while (at < end) {
    size_t explained = 0, counted = at += length;
    length = 0;
    for (; at < end; at++) {
      length = longest(walk, at, &place);
      for (; counted < at + length; counted++) explained += explains(walk, counted);
      if ((length > 0 && length == explained) || length > explained + walk->slack) break;
      if (counted > at) explained -= explains(walk, at);
      else counted = at + 1;
    }
    if (length == explained && at < end) continue;
    change_alignment(walk, at, place);
  }
}

void match_files(struct content old, struct content new, unsigned slack, struct blocks *blocks) {
  *blocks = (struct blocks){0};
  if (old.length == 0) return;
  size_t window = smaller(old.length, WINDOW);
  size_t stride = old.length <= WINDOW ? new.length : STRIDE;
  int32_t *sorted = memory_take(window * sizeof *sorted);
  size_t sorted_from = SIZE_MAX;
  for (size_t from = 0; from < new.length; from += stride) {
    size_t length = smaller(new.length - from, stride);
    /* The window around the place that is as far along in the old file as the middle of this part is in the new. */
    double along = ((double)from + (double)length / 2) / (double)new.length;
    size_t middle = (size_t)(along * (double)old.length);
    size_t old_from = middle < window / 2 ? 0 : smaller(middle - window / 2, old.length - window);
    if (old_from != sorted_from && divsufsort(old.bytes + old_from, sorted, (int32_t)window) != 0) {
      out_of_memory();
    }
    sorted_from = old_from;
    struct walk walk = {
        .sorted = sorted,
        .old = {old.bytes + old_from, window},
        .new = {new.bytes + from, length},
        .slack = slack,
        .found = blocks,
        .old_offset = old_from,
        .new_offset = from,
    };
    walk_window(&walk);
  }
  free(sorted);
}

size_t matching_memory(size_t old_length) { return smaller(old_length, WINDOW) * sizeof(int32_t); }
