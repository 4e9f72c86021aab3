/*
 * See pack-bytes.h. Each frame is, in the input: its kind, the lengths of its four sections in two bytes each, and
 * those.
 */
#include "pack-bytes.h"

#include <stdlib.h>
#include <string.h>

#include "../../../native/packs/frame-reader.h"

#define FRAMES_USED_MAX 12
/* A frame's head, what zstd needs around it, and the index of all. */
#define OVERHEAD_MAX 64

struct bytes {
  uint8_t *bytes;
  size_t count;
};

static void put(struct bytes *target, const void *bytes, size_t count) {
  if (count) memcpy(target->bytes + target->count, bytes, count);
  target->count += count;
}

static void put_byte(struct bytes *target, uint64_t byte) {
  target->bytes[target->count++] = (uint8_t)byte;
}

static void put_number(struct bytes *target, uint64_t number) {
  for (; number >= 0x80; number >>= 7) put_byte(target, number | 0x80);
  put_byte(target, number);
}

/* The first number of a section; 0 if there is none. */
static uint64_t first_number(struct input section) {
  uint64_t number = 0;
  for (int shift = 0; shift < 49 && section.count > 0; shift += 7) {
    uint8_t byte = input_byte(&section);
    number |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return number;
}

/* A zstd frame of one block that is not compressed. */
static void put_zstd(struct bytes *target, const struct bytes *content) {
  static const uint8_t head[] = {0x28, 0xb5, 0x2f, 0xfd, 0xa0};
  put(target, head, sizeof head);
  for (int i = 0; i < 4; i++) put_byte(target, content->count >> 8 * i);
  uint64_t block = content->count << 3 | 1;
  for (int i = 0; i < 3; i++) put_byte(target, block >> 8 * i);
  put(target, content->bytes, content->count);
}

static void put_frame(struct bytes *target, uint8_t kind, const struct input *sections) {
  uint8_t *memory = malloc(sections[0].count + sections[1].count + sections[2].count +
                           sections[3].count + OVERHEAD_MAX);
  CHECK(memory);
  struct bytes content = {memory, 0};
  put_byte(&content, 1);
  put_byte(&content, kind);
  for (int i = 0; i < SECTION_COUNT; i++) put_number(&content, sections[i].count);
  for (int i = 0; i < SECTION_COUNT; i++) put(&content, sections[i].bytes, sections[i].count);
  put_zstd(target, &content);
  free(memory);
}

static struct input cut(struct input *input, size_t length) {
  struct input part = {input->bytes, length < input->count ? length : input->count};
  input->bytes += part.count;
  input->count -= part.count;
  return part;
}

/* One frame of the input; its kind. For the index: how much it adds to the frame before. */
static uint8_t take_frame(struct input *input, struct bytes *target, uint64_t *entry) {
  struct input sections[SECTION_COUNT];
  size_t lengths[SECTION_COUNT];
  uint8_t kind = input_byte(input) % 5;
  for (int i = 0; i < SECTION_COUNT; i++) lengths[i] = input_short(input);
  for (int i = 0; i < SECTION_COUNT; i++) sections[i] = cut(input, lengths[i]);
  *entry = kind == FRAME_FILES ? first_number(sections[SECTION_CONTROL]) : 0;
  put_frame(target, kind, sections);
  return kind;
}

uint8_t *pack_bytes(struct input *input, size_t *size) {
  size_t room = input->count + FRAMES_USED_MAX * 2 * OVERHEAD_MAX + OVERHEAD_MAX;
  uint8_t *memory = malloc(3 * room), index_memory[FRAMES_USED_MAX * 16 + OVERHEAD_MAX];
  CHECK(memory);
  struct bytes first = {memory, 0}, files = {memory + room, 0}, index = {memory + 2 * room, 0};
  struct bytes rows = {index_memory, 0};
  uint64_t count = 0, before = 0;
  for (int i = 0; i < FRAMES_USED_MAX && input->count > 0; i++) {
    uint64_t entry;
    uint8_t *start = files.bytes + files.count;
    uint8_t kind = take_frame(input, &files, &entry);
    size_t length = (size_t)(files.bytes + files.count - start);
    if (kind == FRAME_FILES || kind == FRAME_MORE) {
      put_number(&rows, (uint64_t)length * 2 + (kind == FRAME_MORE));
      put_number(&rows, kind == FRAME_FILES && entry > before ? entry - before : 0);
      if (kind == FRAME_FILES) before = entry;
      count++;
    } else {
      put(&first, start, length);
      files.count -= length;
    }
  }
  static const struct input none[SECTION_COUNT];
  if (first.count == 0) put_frame(&first, FRAME_MANIFEST, none);
  struct bytes control = {memory + room + files.count, 0};
  put_number(&control, count);
  put(&control, rows.bytes, rows.count);
  struct input sections[SECTION_COUNT] = {{control.bytes, control.count}};
  put_frame(&index, FRAME_INDEX, sections);
  uint8_t *pack = malloc(first.count + index.count + files.count);
  CHECK(pack);
  struct bytes whole = {pack, 0};
  put(&whole, first.bytes, first.count);
  put(&whole, index.bytes, index.count);
  put(&whole, files.bytes, files.count);
  free(memory);
  *size = whole.count;
  return pack;
}
