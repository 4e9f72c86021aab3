/* The sections of a record; see the header. */
#include "sections.h"

#include <stdlib.h>
#include <string.h>

#include "fail.h"

/* Marks are no denser than this: a frame is at most so much smaller than it could be (bytes). */
#define MARK_DISTANCE 2048

static const struct mark nothing;

static void add_mark(struct sections *sections, bool is_open) {
  const struct mark *last =
      sections->mark_count ? &sections->marks[sections->mark_count - 1] : &nothing;
  size_t text = sections->text.length - last->text, fixes = sections->fixes.length - last->fixes;
  /* A gap is mostly one byte, and never more than seven. */
  if (text + 2 * fixes < MARK_DISTANCE) return;
  if (sections->mark_count == sections->mark_capacity) {
    sections->mark_capacity = sections->mark_capacity * 2 + 64;
    void *marks = realloc(sections->marks, sections->mark_capacity * sizeof *sections->marks);
    if (!marks) out_of_memory();
    sections->marks = marks;
  }
  sections->marks[sections->mark_count++] =
      (struct mark){sections->gaps.length, sections->fixes.length, sections->text.length};
  if (is_open) sections->marks_open++;
}

/* The number that a reader has taken already where marks are open. */
static void end_gap(struct sections *sections) {
  bytes_append_number(&sections->gaps, sections->gap);
  sections->gap = 0;
  for (; sections->marks_open > 0; sections->marks_open--) {
    sections->marks[sections->mark_count - sections->marks_open].gaps = sections->gaps.length;
  }
}

void sections_add_text(struct sections *sections, const uint8_t *text, size_t length) {
  while (length > 0) {
    size_t part = length < MARK_DISTANCE ? length : MARK_DISTANCE;
    bytes_append(&sections->text, text, part);
    add_mark(sections, sections->has_blocks);
    text += part;
    length -= part;
  }
}

void sections_add_block(struct sections *sections, const uint8_t *bytes, const uint8_t *predicted,
                        size_t length) {
  sections->has_blocks = true;
  for (size_t i = 0; i < length; i++) {
    if (bytes[i] == predicted[i]) {
      sections->gap++;
      continue;
    }
    end_gap(sections);
    bytes_append_byte(&sections->fixes, (uint8_t)(bytes[i] - predicted[i]));
    /* Between a fix and the number after it. */
    add_mark(sections, false);
  }
}

void sections_end(struct sections *sections) {
  if (sections->has_blocks) end_gap(sections);
}

size_t sections_length(const struct sections *sections) {
  return sections->control.length + sections->gaps.length + sections->fixes.length +
         sections->text.length;
}

void sections_free(struct sections *sections) {
  bytes_free(&sections->control);
  bytes_free(&sections->gaps);
  bytes_free(&sections->fixes);
  bytes_free(&sections->text);
  free(sections->marks);
  *sections = (struct sections){0};
}
