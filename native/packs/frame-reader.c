/* Frames and their sections; see frame-reader.h. */
#include "frame-reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include "../checksums/content.h"
#include "budget.h"

#define PACK_VERSION 1
/* How much of a pack is read at a time, and how long a header of a zstd frame may be (bytes). */
#define INPUT_SIZE (64 * 1024)
#define NAME_SIZE_MAX 200

static const char *const section_names[] = {"control", "gaps", "fixes", "text"};

struct cursor {
  uint32_t at, end;
};

struct frame_reader {
  int fd;
  char name[NAME_SIZE_MAX];
  ZSTD_DCtx *zstd;
  /* Where the frame begins that comes next, and the one that is here. */
  int64_t place, start;
  uint32_t number, current;
  uint32_t packed_length;
  enum frame_kind kind;
  struct cursor sections[SECTION_COUNT];
  /* Which was used last, for messages. */
  enum section_name last;
  uint32_t size;
  uint8_t input[INPUT_SIZE];
  uint8_t raw[FRAME_RAW_MAX];
};

static void *zstd_take(UNUSED void *opaque, size_t size) {
  return budget_take(&budget_pack, 1, size);
}

static void zstd_free(UNUSED void *opaque, void *memory) { budget_free(&budget_pack, memory); }

struct frame_reader *frame_reader_open(int fd, const char *name) {
  struct frame_reader *reader = budget_take(&budget_pack, 1, sizeof *reader);
  if (!reader) return NULL;
  reader->fd = fd;
  snprintf(reader->name, sizeof reader->name, "%s", name);
  reader->zstd = ZSTD_createDCtx_advanced((ZSTD_customMem){zstd_take, zstd_free, NULL});
  // The frame is unpacked straight to where it stays, so zstd needs no window of its own.
  bool ready = reader->zstd &&
               !ZSTD_isError(ZSTD_DCtx_setParameter(reader->zstd, ZSTD_d_windowLogMax,
                                                    FRAME_WINDOW_LOG_MAX)) &&
               !ZSTD_isError(ZSTD_DCtx_setParameter(reader->zstd, ZSTD_d_stableOutBuffer, 1));
  if (ready) return reader;
  frame_reader_close(reader);
  return NULL;
}

void frame_reader_close(struct frame_reader *reader) {
  if (!reader) return;
  ZSTD_freeDCtx(reader->zstd);
  budget_free(&budget_pack, reader);
}

void frame_seek(struct frame_reader *reader, int64_t place, uint32_t number) {
  reader->place = place;
  reader->number = number;
  memset(reader->sections, 0, sizeof reader->sections);
}

int64_t frame_place(const struct frame_reader *reader) { return reader->place; }
uint32_t frame_number(const struct frame_reader *reader) { return reader->number; }
enum frame_kind frame_kind(const struct frame_reader *reader) { return reader->kind; }
uint32_t frame_packed_length(const struct frame_reader *reader) { return reader->packed_length; }

int frame_fault(const struct frame_reader *reader, struct fault *fault, const char *format, ...) {
  char text[200];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return fault_token(fault, "pack %s: frame %" PRIu32 " at %" PRId64 ", place %" PRIu32 ": %s",
                     reader->name, reader->current, reader->start,
                     reader->sections[reader->last].at, text);
}

/* What zstd's own header says must be within the limits before anything is unpacked. 1, 0, -1 as frame_next. */
static int check_header(struct frame_reader *reader, size_t there, struct fault *fault) {
  ZSTD_FrameHeader header;
  size_t missing = ZSTD_getFrameHeader(&header, reader->input, there);
  if (ZSTD_isError(missing)) {
    return frame_fault(reader, fault, "no zstd frame (%s)", ZSTD_getErrorName(missing));
  }
  if (missing > 0) return 0;
  if (header.frameType != ZSTD_frame || header.dictID != 0) {
    return frame_fault(reader, fault, "a zstd frame to be skipped, or with a dictionary");
  }
  if (header.frameContentSize == ZSTD_CONTENTSIZE_UNKNOWN) {
    return frame_fault(reader, fault, "it doesn't state its content size");
  }
  if (header.frameContentSize > FRAME_RAW_MAX) {
    return frame_fault(reader, fault, "it unpacks to %llu bytes, at most %d",
                       header.frameContentSize, FRAME_RAW_MAX);
  }
  if (header.windowSize > 1u << FRAME_WINDOW_LOG_MAX) {
    return frame_fault(reader, fault, "its window is %llu bytes, at most %u", header.windowSize,
                       1u << FRAME_WINDOW_LOG_MAX);
  }
  reader->size = (uint32_t)header.frameContentSize;
  return 1;
}

/* Reads and unpacks to the end of the frame. 1, 0, -1 as frame_next. */
static int unpack(struct frame_reader *reader, struct fault *fault) {
  uint32_t used = 0;
  ZSTD_outBuffer output = {reader->raw, 0, 0};
  ZSTD_DCtx_reset(reader->zstd, ZSTD_reset_session_only);
  for (;;) {
    ssize_t there = content_read_at(reader->fd, reader->input, INPUT_SIZE, reader->place + used);
    if (there < 0) return fault_system(fault, "read", errno);
    if (there == 0) return 0;
    if (used == 0) {
      int fine = check_header(reader, (size_t)there, fault);
      if (fine != 1) return fine;
      output.size = reader->size;
    }
    ZSTD_inBuffer input = {reader->input, (size_t)there, 0};
    size_t wanted = ZSTD_decompressStream(reader->zstd, &output, &input);
    if (ZSTD_getErrorCode(wanted) == ZSTD_error_memory_allocation)
      return fault_memory(fault, &budget_pack);
    if (ZSTD_isError(wanted)) {
      return frame_fault(reader, fault, "broken zstd frame (%s)", ZSTD_getErrorName(wanted));
    }
    used += (uint32_t)input.pos;
    if (used > FRAME_PACKED_MAX) {
      return frame_fault(reader, fault, "it takes more than %d bytes", FRAME_PACKED_MAX);
    }
    if (wanted == 0) break;
    // The content is whole, and yet the frame goes on: with empty blocks, without end.
    if (input.pos == 0) return frame_fault(reader, fault, "broken zstd frame (it doesn't end)");
  }
  reader->packed_length = used;
  return 1;
}

/* Divides the frame into its sections. */
static int divide(struct frame_reader *reader, struct fault *fault) {
  uint64_t lengths[SECTION_COUNT], sum = 0;
  // Until then all of the frame is one section.
  reader->sections[SECTION_CONTROL] = (struct cursor){0, reader->size};
  const uint8_t *head = section_take(reader, SECTION_CONTROL, 2, fault);
  if (!head) return -1;
  if (head[0] != PACK_VERSION) {
    return frame_fault(reader, fault, "version %u, and only %u is known", head[0], PACK_VERSION);
  }
  if (head[1] > FRAME_INDEX) {
    return frame_fault(reader, fault, "kind %u, at most %u", head[1], FRAME_INDEX);
  }
  for (int i = 0; i < SECTION_COUNT; i++) {
    if (section_number_up_to(reader, SECTION_CONTROL, "the length of a section", reader->size,
                             &lengths[i], fault)) {
      return -1;
    }
    sum += lengths[i];
  }
  uint32_t at = reader->sections[SECTION_CONTROL].at;
  if (sum != reader->size - at) {
    return frame_fault(reader, fault, "its sections have %" PRIu64 " bytes, and there are %" PRIu32,
                       sum, reader->size - at);
  }
  for (int i = 0; i < SECTION_COUNT; i++) {
    reader->sections[i] = (struct cursor){at, at + (uint32_t)lengths[i]};
    at += (uint32_t)lengths[i];
  }
  reader->kind = (enum frame_kind)head[1];
  return 0;
}

int frame_next(struct frame_reader *reader, struct fault *fault) {
  reader->start = reader->place;
  reader->current = reader->number;
  reader->last = SECTION_CONTROL;
  memset(reader->sections, 0, sizeof reader->sections);
  int unpacked = unpack(reader, fault);
  if (unpacked != 1) return unpacked;
  if (divide(reader, fault)) return -1;
  reader->place += reader->packed_length;
  reader->number++;
  return 1;
}

uint32_t section_left(const struct frame_reader *reader, enum section_name section) {
  return reader->sections[section].end - reader->sections[section].at;
}

bool frame_used_up(const struct frame_reader *reader) {
  for (int i = 0; i < SECTION_COUNT; i++) {
    if (section_left(reader, (enum section_name)i) > 0) return false;
  }
  return true;
}

const uint8_t *section_take(struct frame_reader *reader, enum section_name section, uint32_t count,
                            struct fault *fault) {
  struct cursor *cursor = &reader->sections[section];
  reader->last = section;
  if (count > cursor->end - cursor->at) {
    frame_fault(reader, fault, "%" PRIu32 " bytes of %s are wanted, and %" PRIu32 " are left",
                count, section_names[section], cursor->end - cursor->at);
    return NULL;
  }
  const uint8_t *bytes = reader->raw + cursor->at;
  cursor->at += count;
  return bytes;
}

int section_number(struct frame_reader *reader, enum section_name section, const char *what,
                   uint64_t *value, struct fault *fault) {
  struct cursor *cursor = &reader->sections[section];
  reader->last = section;
  *value = 0;
  for (uint32_t i = 0; i < VARINT_LENGTH_MAX && cursor->at + i < cursor->end; i++) {
    uint8_t byte = reader->raw[cursor->at + i];
    *value |= (uint64_t)(byte & 0x7f) << 7 * i;
    if (byte & 0x80) continue;
    if (byte == 0 && i > 0) return frame_fault(reader, fault, "%s has a needless byte", what);
    cursor->at += i + 1;
    return 0;
  }
  return frame_fault(reader, fault, "%s has no end within %d bytes and its section", what,
                     VARINT_LENGTH_MAX);
}

int section_number_up_to(struct frame_reader *reader, enum section_name section, const char *what,
                         uint64_t allowed, uint64_t *value, struct fault *fault) {
  if (section_number(reader, section, what, value, fault)) return -1;
  if (*value <= allowed) return 0;
  return frame_fault(reader, fault, "%s is %" PRIu64 ", at most %" PRIu64, what, *value, allowed);
}

int section_signed(struct frame_reader *reader, enum section_name section, const char *what,
                   int64_t *value, struct fault *fault) {
  uint64_t coded;
  if (section_number(reader, section, what, &coded, fault)) return -1;
  *value = (int64_t)(coded >> 1) ^ -(int64_t)(coded & 1);
  return 0;
}
