/* How one content is made from another; see the header. */
#include "coding.h"

#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "main-blocks.h"
#include "views.h"

/*
 * Fewer explain less, and more leave what the map could tell: 8 gives packs 3 % larger, 24 4 %. Where there
 * would be too many blocks it grows.
 */
#define SLACK 14
#define SLACK_GROWTH 4

static int read_content(void *owner, uint64_t place, void *bytes, size_t count) {
  const struct content *content = owner;
  memcpy(bytes, content->bytes + place, count);
  return 0;
}

static struct old_bytes old_bytes_of(const struct content *content) {
  return (struct old_bytes){(void *)content, read_content, content->length};
}

/* Whether both are ELF files of one shape. */
static bool plan_elf(struct coding *coding, struct elf_shape *old_shape,
                     struct elf_shape *new_shape) {
  struct old_bytes old = old_bytes_of(&coding->base), new = old_bytes_of(&coding->new);
  if (elf_shape_read(&old, old_shape) != 1 || elf_shape_read(&new, new_shape) != 1) return false;
  if (old_shape->is_64 != new_shape->is_64) return false;
  unsigned count = elf_shape_difference(old_shape, new_shape, coding->shape_numbers);
  coding->shape_number_count = count;
  return count > 0 && elf_shape_apply(old_shape, coding->shape_numbers, count, &coding->new_shape);
}

static void find_blocks(struct coding *coding, const uint8_t *base_view, const uint8_t *new_view) {
  struct content base = {base_view ? base_view : coding->base.bytes, coding->base.length};
  struct content new = {new_view ? new_view : coding->new.bytes, coding->new.length};
  for (unsigned slack = SLACK;; slack *= SLACK_GROWTH) {
    match_files(base, new, slack, &coding->blocks);
    if (coding->blocks.count <= BLOCKS_MAX) return;
    free(coding->blocks.list);
  }
}

static void make_map(struct coding *coding) {
  coding->is_main = choose_main_blocks(&coding->blocks, coding->base.length);
  coding->map = memory_take(coding->blocks.count * sizeof *coding->map);
  for (size_t i = 0; i < coding->blocks.count; i++) {
    if (coding->is_main[i]) coding->map[coding->map_count++] = coding->blocks.list[i];
  }
  map_sort(coding->map, coding->map_count);
}

static bool begin(const struct coding *coding, struct predictor *predictor) {
  struct old_bytes old = old_bytes_of(&coding->base);
  return predictor_begin(predictor, coding->prediction, &old, &coding->new_shape, coding->map,
                         coding->map_count) == 1;
}

void coding_plan(struct coding *coding, struct predictor *predictor, struct content new,
                 struct content base) {
  *coding = (struct coding){.new = new, .base = base};
  uint8_t *base_view = NULL, *new_view = NULL;
  struct elf_shape old_shape, new_shape;
  if (plan_elf(coding, &old_shape, &new_shape)) {
    coding->prediction = PREDICT_ELF;
    base_view = view_of_elf(base, &old_shape);
    new_view = view_of_elf(new, &new_shape);
  } else if (is_module(base) && is_module(new)) {
    coding->prediction = PREDICT_MODULE;
    base_view = view_of_module(base);
    new_view = view_of_module(new);
  }
  find_blocks(coding, base_view, new_view);
  free(base_view);
  free(new_view);
  make_map(coding);
  /* The predictor has the last word on what can be predicted. */
  if (!begin(coding, predictor)) coding->prediction = PREDICT_NOTHING;
}

static void write_segments(const struct coding *coding, struct bytes *control) {
  bytes_append_number(control, (coding->shape_number_count - 2) / 4);
  for (unsigned i = 0; i < coding->shape_number_count; i++) {
    bytes_append_signed(control, coding->shape_numbers[i]);
  }
}

static void write_blocks(const struct coding *coding, struct bytes *control) {
  uint64_t place = 0;
  int64_t distance = 0;
  bytes_append_number(control, coding->blocks.count);
  for (size_t i = 0; i < coding->blocks.count; i++) {
    const struct block *block = &coding->blocks.list[i];
    int64_t own = (int64_t)block->old_place - (int64_t)block->new_place;
    bytes_append_number(control, block->new_place - place);
    bytes_append_number(control, (uint64_t)block->length << 1 | coding->is_main[i]);
    bytes_append_signed(control, own - distance);
    place = (uint64_t)block->new_place + block->length;
    distance = own;
  }
}

static void write_block(const struct coding *coding, const struct block *block,
                        struct predictor *predictor, struct sections *sections) {
  uint8_t predicted[PIECE_SIZE];
  for (uint32_t done = 0; done < block->length; done += PIECE_SIZE) {
    uint32_t left = block->length - done;
    uint32_t old_place = block->old_place + done;
    struct piece piece = {
        .new_place = block->new_place + done,
        .old_place = old_place,
        .length = left < PIECE_SIZE ? left : PIECE_SIZE,
        .old = coding->base.bytes + old_place,
        .context = old_place < PIECE_CONTEXT ? old_place : PIECE_CONTEXT,
        .predicted = predicted,
        .known = coding->new.bytes + block->new_place + done,
    };
    predict_piece(predictor, &piece);
    sections_add_block(sections, piece.known, predicted, piece.length);
  }
}

void coding_write(const struct coding *coding, struct predictor *predictor,
                  struct sections *sections) {
  if (coding->prediction == PREDICT_ELF) write_segments(coding, &sections->control);
  write_blocks(coding, &sections->control);
  begin(coding, predictor);
  size_t place = 0;
  for (size_t i = 0; i < coding->blocks.count; i++) {
    const struct block *block = &coding->blocks.list[i];
    sections_add_text(sections, coding->new.bytes + place, block->new_place - place);
    write_block(coding, block, predictor, sections);
    place = (size_t)block->new_place + block->length;
  }
  sections_add_text(sections, coding->new.bytes + place, coding->new.length - place);
  sections_end(sections);
}

void coding_free(struct coding *coding) {
  free(coding->blocks.list);
  free(coding->is_main);
  free(coding->map);
  *coding = (struct coding){0};
}

struct predictor *predictor_new(void) {
  struct predictor *predictor = calloc(1, predictor_size());
  if (!predictor) out_of_memory();
  return predictor;
}

size_t coding_memory(size_t new_length, size_t base_length) {
  /* Two views and the sort, and then the text and what is claimed of the base. */
  return new_length + base_length + matching_memory(base_length) + predictor_size();
}
