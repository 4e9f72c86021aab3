/* Frames of files; see the header. */
#include "frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compression.h"
#include "fail.h"

/* Before the sections: version, kind, and four lengths of at most 20 bits. */
#define FRAME_HEAD_MAX (2 + 4 * 3)
/* A line's distance to the one before. */
#define LINE_MAX_LENGTH 4
#define SECTIONS_MAX_LENGTH (FRAME_RAW_MAX - FRAME_HEAD_MAX - LINE_MAX_LENGTH)
/* docs/PACKS.md, Frames. */
#define VERSION 1
#define KIND_FILES 1
#define KIND_MORE 2

struct frame {
  struct task task;
  struct frame *next;
  struct bytes content, compressed;
  struct frame_entry entry;
};

static void frame_run(struct task *task) {
  struct frame *frame = (struct frame *)task;
  compress_frame(frame->content.data, frame->content.length, &frame->compressed);
  bytes_free(&frame->content);
}

static void frame_free(struct frame *frame) {
  bytes_free(&frame->content);
  bytes_free(&frame->compressed);
  free(frame);
}

void frames_begin(struct frames *frames, struct pool *pool, int target, unsigned waiting_max) {
  *frames =
      (struct frames){.pool = pool, .target = target, .is_empty = true, .waiting_max = waiting_max};
  frames->last = &frames->first;
  frames->predictor = predictor_new();
}

static int write_all(int fd, const uint8_t *bytes, size_t count) {
  while (count > 0) {
    ssize_t written = write(fd, bytes, count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return -1;
    bytes += written;
    count -= (size_t)written;
  }
  return 0;
}

static int write_first(struct frames *frames) {
  struct frame *frame = frames->first;
  pool_wait(frames->pool, &frame->task);
  if (write_all(frames->target, frame->compressed.data, frame->compressed.length)) return -1;
  if (frames->entry_count == frames->entry_capacity) {
    frames->entry_capacity = frames->entry_capacity * 2 + 64;
    void *entries = realloc(frames->entries, frames->entry_capacity * sizeof *frames->entries);
    if (!entries) out_of_memory();
    frames->entries = entries;
  }
  frame->entry.length = frame->compressed.length;
  frames->entries[frames->entry_count++] = frame->entry;
  frames->first = frame->next;
  if (!frames->first) frames->last = &frames->first;
  frames->waiting--;
  frame_free(frame);
  return 0;
}

/* Makes a frame of a part of sections, `control` whole or not at all, and lets it be compressed. */
static int close_frame(struct frames *frames, const struct sections *sections,
                       const struct mark *from, const struct mark *to, bool goes_on, int64_t line) {
  struct frame *frame = memory_take(sizeof *frame);
  *frame = (struct frame){.task = {.run = frame_run}, .entry = {0, line, goes_on}};
  struct {
    const uint8_t *data;
    size_t length;
    uint64_t *sum;
  } parts[] = {
      {sections->control.data, goes_on ? 0 : sections->control.length, &frames->control},
      {sections->gaps.data + from->gaps, to->gaps - from->gaps, &frames->gaps},
      {sections->fixes.data + from->fixes, to->fixes - from->fixes, &frames->fixes},
      {sections->text.data + from->text, to->text - from->text, &frames->text},
  };
  struct bytes *content = &frame->content;
  bytes_append_byte(content, VERSION);
  bytes_append_byte(content, goes_on ? KIND_MORE : KIND_FILES);
  for (size_t i = 0; i < 4; i++) bytes_append_number(content, parts[i].length);
  for (size_t i = 0; i < 4; i++) {
    bytes_append(content, parts[i].data, parts[i].length);
    *parts[i].sum += parts[i].length;
  }
  *frames->last = frame;
  frames->last = &frame->next;
  frames->waiting++;
  pool_add(frames->pool, &frame->task);
  while (frames->waiting > frames->waiting_max) {
    if (write_first(frames)) return -1;
  }
  return 0;
}

static struct mark end_of(const struct sections *sections) {
  return (struct mark){sections->gaps.length, sections->fixes.length, sections->text.length};
}

/* Closes the frame that is being filled, if there is anything in it. */
static int close_filled(struct frames *frames) {
  static const struct mark start;
  struct mark end = end_of(&frames->filled);
  if (frames->is_empty) return 0;
  int result = close_frame(frames, &frames->filled, &start, &end, false, frames->first_line);
  sections_free(&frames->filled);
  predictor_forget_stretch(frames->predictor);
  frames->is_empty = true;
  return result;
}

static size_t distance(const struct mark *from, const struct mark *to) {
  return to->gaps - from->gaps + to->fixes - from->fixes + to->text - from->text;
}

/* A record that is longer than a frame, divided among several. They stand alone. */
static int add_divided(struct frames *frames, const struct sections *sections, int64_t line) {
  struct mark from = {0}, end = end_of(sections);
  size_t next = 0;
  for (bool goes_on = false; !goes_on || distance(&from, &end) > 0; goes_on = true) {
    size_t room = SECTIONS_MAX_LENGTH - (goes_on ? 0 : sections->control.length);
    struct mark to = from;
    while (next < sections->mark_count && distance(&from, &sections->marks[next]) <= room) {
      to = sections->marks[next++];
    }
    if (distance(&from, &end) <= room) to = end;
    if (close_frame(frames, sections, &from, &to, goes_on, line)) return -1;
    from = to;
  }
  predictor_forget_stretch(frames->predictor);
  return 0;
}

/* The record with its line, which counts from the one before in its frame. */
static void add_line(struct sections *sections, int64_t distance) {
  struct bytes control = {0};
  bytes_append_number(&control, (uint64_t)distance);
  bytes_append(&control, sections->control.data, sections->control.length);
  bytes_free(&sections->control);
  sections->control = control;
}

static void append(struct frames *frames, const struct plan *plan) {
  const struct sections *sections = &plan->sections;
  struct sections *filled = &frames->filled;
  if (frames->is_empty) frames->first_line = plan->line;
  frames->is_empty = false;
  frames->last_line = plan->line;
  bytes_append(&filled->control, sections->control.data, sections->control.length);
  bytes_append(&filled->gaps, sections->gaps.data, sections->gaps.length);
  bytes_append(&filled->fixes, sections->fixes.data, sections->fixes.length);
  bytes_append(&filled->text, sections->text.data, sections->text.length);
}

int frames_add(struct frames *frames, struct plan *plan) {
  /* With what the frame taught so far it may fit in; in a frame of its own it is as it was planned. */
  if (plan->is_taught) plan_write_again(plan, frames->predictor);
  size_t room = SECTIONS_MAX_LENGTH - sections_length(&frames->filled);
  if (!frames->is_empty && sections_length(&plan->sections) > room) {
    if (close_filled(frames)) return -1;
    if (plan->is_taught) plan_write_again(plan, frames->predictor);
  }
  add_line(&plan->sections, frames->is_empty ? plan->line : plan->line - frames->last_line);
  if (sections_length(&plan->sections) > SECTIONS_MAX_LENGTH) {
    return add_divided(frames, &plan->sections, plan->line);
  }
  append(frames, plan);
  return 0;
}

int frames_end(struct frames *frames) {
  if (close_filled(frames)) return -1;
  while (frames->first) {
    if (write_first(frames)) return -1;
  }
  return 0;
}

void frames_stop(struct frames *frames) {
  while (frames->first) {
    struct frame *frame = frames->first;
    pool_wait(frames->pool, &frame->task);
    frames->first = frame->next;
    frame_free(frame);
  }
  sections_free(&frames->filled);
  free(frames->predictor);
}

void frames_free(struct frames *frames) { free(frames->entries); }
