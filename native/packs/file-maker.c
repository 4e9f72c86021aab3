/* Making a file, in pieces that fit; see file-maker.h. */
#include "file-maker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../checksums/content.h"
#include "budget.h"
#include "predict.h"

struct file_maker {
  struct frame_index *index;
  struct predictor *predictor;
  const struct file_wish *wish;
  struct file_result *result;
  /* Nothing is made (any more): what belongs to the file is passed over. */
  bool passing;
  struct old_bytes base;
  /* An opened base. */
  uint8_t *opened;
  struct gzip_closer closer;
  struct output output;
  size_t map_count;
  /* Bytes of blocks before the next one that has a fix; once `gap_known`. */
  uint64_t gap;
  bool gap_known;
  uint8_t old[PIECE_CONTEXT + PIECE_SIZE], predicted[PIECE_SIZE], fixes[PIECE_SIZE];
  struct block blocks[BLOCKS_MAX], map[BLOCKS_MAX];
};

struct file_maker *file_maker_open(struct frame_index *index) {
  struct file_maker *maker = budget_take(&budget_pack, 1, sizeof *maker);
  if (!maker) return NULL;
  maker->index = index;
  maker->predictor = budget_take(&budget_pack, 1, predictor_size());
  if (maker->predictor) return maker;
  file_maker_close(maker);
  return NULL;
}

void file_maker_close(struct file_maker *maker) {
  if (!maker) return;
  budget_free(&budget_pack, maker->predictor);
  budget_free(&budget_pack, maker);
}

void file_maker_begin_stretch(struct file_maker *maker) {
  predictor_forget_stretch(maker->predictor);
}

/* The base is at fault, so the rest of the record is passed over. */
__attribute__((format(printf, 2, 3))) static void give_up(struct file_maker *maker,
                                                          const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(maker->result->reason, sizeof maker->result->reason, format, arguments);
  va_end(arguments);
  maker->passing = true;
}

static int read_file(void *owner, uint64_t place, void *bytes, size_t count) {
  const struct file_maker *maker = owner;
  ssize_t done = content_read_at(maker->wish->base, bytes, count, (int64_t)place);
  if (done == (ssize_t)count) return 0;
  // It was longer a moment ago.
  if (done >= 0) errno = EIO;
  return -1;
}

static int read_opened(void *owner, uint64_t place, void *bytes, size_t count) {
  const struct file_maker *maker = owner;
  memcpy(bytes, maker->opened + place, count);
  return 0;
}

static void open_base(struct file_maker *maker) {
  const struct file_record *record = maker->wish->record;
  struct stat facts;
  if (maker->wish->base < 0) return give_up(maker, "there is none");
  if (fstat(maker->wish->base, &facts)) return give_up(maker, "fstat: %s", strerror(errno));
  if (facts.st_size > CONTENT_SIZE_MAX) {
    return give_up(maker, "it has %" PRId64 " bytes, at most %u", (int64_t)facts.st_size,
                   CONTENT_SIZE_MAX);
  }
  maker->base = (struct old_bytes){maker, read_file, (uint64_t)facts.st_size};
  if (!(record->flags & RECORD_BASE_OPENED)) return;
  uint32_t size;
  const char *problem;
  maker->opened = gzip_open(&maker->base, &size, &problem);
  if (!maker->opened) return give_up(maker, "%s", problem);
  maker->base = (struct old_bytes){maker, read_opened, size};
}

static void check_blocks(struct file_maker *maker) {
  for (uint32_t i = 0; i < maker->wish->record->block_count; i++) {
    uint64_t end = (uint64_t)maker->blocks[i].old_place + maker->blocks[i].length;
    if (end <= maker->base.size) continue;
    return give_up(maker, "it has %" PRIu64 " bytes, and those up to %" PRIu64 " are wanted",
                   maker->base.size, end);
  }
}

static void begin_prediction(struct file_maker *maker) {
  const struct file_record *record = maker->wish->record;
  struct elf_shape old_shape, new_shape;
  enum prediction prediction = PREDICT_NOTHING;
  int fits = 1;
  map_sort(maker->map, maker->map_count);
  if (record->flags & RECORD_ELF) {
    prediction = PREDICT_ELF;
    fits = elf_shape_read(&maker->base, &old_shape);
    if (fits == 1) {
      fits = elf_shape_apply(&old_shape, record->shape_numbers, record->shape_count, &new_shape);
    }
  }
  if (record->flags & RECORD_MODULE) prediction = PREDICT_MODULE;
  if (fits == 1) {
    fits = predictor_begin(maker->predictor, prediction, &maker->base, &new_shape, maker->map,
                           maker->map_count);
  }
  if (fits < 0) give_up(maker, "read: %s", strerror(errno));
  if (fits == 0) give_up(maker, "it is no program or module as expected");
}

/* Bytes of the content: into the file, or into its .gz. */
static int put(struct file_maker *maker, const uint8_t *bytes, uint32_t count,
               struct fault *fault) {
  if (maker->passing) return 0;
  if (maker->wish->record->flags & RECORD_OPENED) {
    return gzip_close_write(&maker->closer, bytes, count, fault);
  }
  return output_write(&maker->output, bytes, count, fault);
}

/* Goes on to the next frame if this one has no more of the section. */
static int need(struct file_maker *maker, enum section_name section, struct fault *fault) {
  struct frame_reader *frames = maker->index->frames;
  while (section_left(frames, section) == 0) {
    if (!frame_used_up(frames)) {
      return frame_fault(frames, fault, "a section ends in a file, and others don't");
    }
    if (frame_index_enter(maker->index, fault)) return -1;
  }
  return 0;
}

static int put_text(struct file_maker *maker, uint32_t count, struct fault *fault) {
  struct frame_reader *frames = maker->index->frames;
  while (count > 0) {
    if (need(maker, SECTION_TEXT, fault)) return -1;
    uint32_t left = section_left(frames, SECTION_TEXT), part = count < left ? count : left;
    const uint8_t *bytes = section_take(frames, SECTION_TEXT, part, fault);
    if (!bytes || put(maker, bytes, part, fault)) return -1;
    count -= part;
  }
  return 0;
}

static int read_gap(struct file_maker *maker, struct fault *fault) {
  if (need(maker, SECTION_GAPS, fault)) return -1;
  maker->gap_known = true;
  return section_number_up_to(maker->index->frames, SECTION_GAPS, "the way to a fix",
                              CONTENT_SIZE_MAX, &maker->gap, fault);
}

/* The fixes of a piece's bytes. */
static int read_fixes(struct file_maker *maker, uint32_t length, struct fault *fault) {
  uint32_t at = 0;
  memset(maker->fixes, 0, length);
  if (!maker->gap_known && read_gap(maker, fault)) return -1;
  while (maker->gap < length - at) {
    at += (uint32_t)maker->gap;
    if (need(maker, SECTION_FIXES, fault)) return -1;
    const uint8_t *fix = section_take(maker->index->frames, SECTION_FIXES, 1, fault);
    if (!fix) return -1;
    if (*fix == 0) return frame_fault(maker->index->frames, fault, "a fix of 0");
    maker->fixes[at++] = *fix;
    if (read_gap(maker, fault)) return -1;
  }
  maker->gap -= length - at;
  return 0;
}

/* Most bytes have none. */
static void add_fixes(uint8_t *bytes, const uint8_t *fixes, uint32_t count) {
  uint32_t at = 0;
  for (uint64_t eight; at + sizeof eight <= count; at += sizeof eight) {
    memcpy(&eight, fixes + at, sizeof eight);
    if (eight == 0) continue;
    for (uint32_t i = at; i < at + sizeof eight; i++) bytes[i] = (uint8_t)(bytes[i] + fixes[i]);
  }
  for (; at < count; at++) bytes[at] = (uint8_t)(bytes[at] + fixes[at]);
}

static int put_piece(struct file_maker *maker, const struct block *block, uint32_t from,
                     uint32_t length, struct fault *fault) {
  if (read_fixes(maker, length, fault)) return -1;
  if (maker->passing) return 0;
  uint32_t place = block->old_place + from;
  uint32_t context = place < PIECE_CONTEXT ? place : PIECE_CONTEXT;
  if (maker->base.read(maker->base.owner, place - context, maker->old, context + length)) {
    give_up(maker, "read: %s", strerror(errno));
    return 0;
  }
  struct piece piece = {.new_place = block->new_place + from,
                        .old_place = place,
                        .length = length,
                        .old = maker->old + context,
                        .context = context,
                        .predicted = maker->predicted,
                        .fixes = maker->fixes};
  predict_piece(maker->predictor, &piece);
  add_fixes(maker->predicted, maker->fixes, length);
  return put(maker, maker->predicted, length, fault);
}

static int put_block(struct file_maker *maker, const struct block *block, struct fault *fault) {
  for (uint32_t from = 0, length; from < block->length; from += length) {
    uint32_t left = block->length - from;
    length = left < PIECE_SIZE ? left : PIECE_SIZE;
    if (put_piece(maker, block, from, length, fault)) return -1;
  }
  return 0;
}

static int put_content(struct file_maker *maker, uint32_t size, struct fault *fault) {
  uint32_t at = 0;
  for (uint32_t i = 0; i < maker->wish->record->block_count; i++) {
    const struct block *block = &maker->blocks[i];
    if (put_text(maker, block->new_place - at, fault) || put_block(maker, block, fault)) return -1;
    at = block->new_place + block->length;
  }
  if (maker->gap > 0) {
    return frame_fault(maker->index->frames, fault,
                       "a fix is %" PRIu64 " bytes behind the last block", maker->gap);
  }
  return put_text(maker, size - at, fault);
}

/* Everything that may turn out wrong with a base, before a byte is made. */
static void begin_base(struct file_maker *maker) {
  if (!maker->passing) open_base(maker);
  if (!maker->passing) check_blocks(maker);
  if (!maker->passing) begin_prediction(maker);
}

static int make(struct file_maker *maker, uint32_t size, struct fault *fault) {
  const struct file_record *record = maker->wish->record;
  output_begin(&maker->output, maker->wish->target);
  if (maker->passing || !(record->flags & RECORD_OPENED)) {
    if (put_content(maker, size, fault)) return -1;
  } else {
    int failed = gzip_close_begin(&maker->closer, &maker->output, record->gzip_header,
                                  record->gzip_header_length, fault) ||
                 put_content(maker, size, fault) ||
                 (!maker->passing && gzip_close_finish(&maker->closer, fault));
    gzip_close_end(&maker->closer);
    if (failed) return -1;
  }
  return maker->passing ? 0 : output_flush(&maker->output, fault);
}

int file_make(struct file_maker *maker, const struct file_wish *wish, struct file_result *result,
              struct fault *fault) {
  const struct file_record *record = wish->record;
  uint32_t size = record->flags & RECORD_OPENED ? record->opened_size : wish->size;
  memset(result, 0, sizeof *result);
  maker->wish = wish;
  maker->result = result;
  maker->passing = wish->skip;
  maker->gap = 0;
  maker->gap_known = false;
  if (file_blocks_read(maker->index->frames, record, size, maker->blocks, maker->map,
                       &maker->map_count, fault)) {
    return -1;
  }
  if (record->flags & RECORD_BASE) begin_base(maker);
  int made = make(maker, size, fault);
  budget_free(&budget_pack, maker->opened);
  maker->opened = NULL;
  if (made || maker->passing) return made;
  result->size = maker->output.size;
  output_digest(&maker->output, result->digest);
  return 0;
}
