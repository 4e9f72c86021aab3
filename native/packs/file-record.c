/* Records of files; see file-record.h. */
#include "file-record.h"

#include <inttypes.h>
#include <string.h>

#define FLAGS_KNOWN 63
/* What only a file with a base can have. */
#define FLAGS_OF_BASE (RECORD_BASE_NEW | RECORD_BASE_OPENED | RECORD_ELF | RECORD_MODULE)

static int read_flags(struct frame_reader *frames, struct file_record *record,
                      struct fault *fault) {
  const uint8_t *flags = section_take(frames, SECTION_CONTROL, 1, fault);
  if (!flags) return -1;
  record->flags = *flags;
  bool both = record->flags & RECORD_ELF && record->flags & RECORD_MODULE;
  bool baseless = record->flags & FLAGS_OF_BASE && !(record->flags & RECORD_BASE);
  if (*flags <= FLAGS_KNOWN && !both && !baseless) return 0;
  return frame_fault(frames, fault, "flags %u can't be", record->flags);
}

static int read_base(struct frame_reader *frames, struct file_record *record, struct fault *fault) {
  int64_t difference;
  if (section_signed(frames, SECTION_CONTROL, "the way to a base", &difference, fault)) return -1;
  int64_t base = (int64_t)record->entry + difference;
  bool is_new = record->flags & RECORD_BASE_NEW;
  if (base < 0 || base > MANIFEST_ENTRIES_MAX || (is_new && difference >= 0)) {
    return frame_fault(frames, fault,
                       "entry %" PRIu32 " has entry %" PRId64 " of the %s tree as its base",
                       record->entry, base, is_new ? "new" : "old");
  }
  record->base = (uint32_t)base;
  return 0;
}

static int read_gzip_header(struct frame_reader *frames, struct file_record *record,
                            struct fault *fault) {
  uint64_t length, size;
  if (section_number_up_to(frames, SECTION_CONTROL, "the length of a gzip header", GZIP_HEADER_MAX,
                           &length, fault)) {
    return -1;
  }
  if (length < GZIP_HEADER_MIN) {
    return frame_fault(frames, fault, "a gzip header of %" PRIu64 " bytes, at least %d", length,
                       GZIP_HEADER_MIN);
  }
  const uint8_t *header = section_take(frames, SECTION_CONTROL, (uint32_t)length, fault);
  if (!header) return -1;
  memcpy(record->gzip_header, header, length);
  record->gzip_header_length = (uint32_t)length;
  if (section_number_up_to(frames, SECTION_CONTROL, "the size of an opened .gz", OPENED_SIZE_MAX,
                           &size, fault)) {
    return -1;
  }
  record->opened_size = (uint32_t)size;
  return 0;
}

static int read_shape(struct frame_reader *frames, struct file_record *record,
                      struct fault *fault) {
  uint64_t segments;
  if (section_number_up_to(frames, SECTION_CONTROL, "the number of segments", SEGMENTS_MAX,
                           &segments, fault)) {
    return -1;
  }
  record->shape_count = 4 * (unsigned)segments + 2;
  for (unsigned i = 0; i < record->shape_count; i++) {
    if (section_signed(frames, SECTION_CONTROL, "a segment's number", &record->shape_numbers[i],
                       fault)) {
      return -1;
    }
  }
  return 0;
}

int file_record_read(struct frame_reader *frames, uint32_t previous, struct file_record *record,
                     struct fault *fault) {
  uint64_t difference, count = 0;
  if (section_number_up_to(frames, SECTION_CONTROL, "the way to an entry",
                           MANIFEST_ENTRIES_MAX - previous, &difference, fault)) {
    return -1;
  }
  record->entry = previous + (uint32_t)difference;
  if (difference == 0) {
    return frame_fault(frames, fault, "entry %" PRIu32 " comes twice", record->entry);
  }
  if (read_flags(frames, record, fault)) return -1;
  if (record->flags & RECORD_BASE && read_base(frames, record, fault)) return -1;
  if (record->flags & RECORD_OPENED && read_gzip_header(frames, record, fault)) return -1;
  if (record->flags & RECORD_ELF && read_shape(frames, record, fault)) return -1;
  if (record->flags & RECORD_BASE &&
      section_number_up_to(frames, SECTION_CONTROL, "the number of blocks", BLOCKS_MAX, &count,
                           fault)) {
    return -1;
  }
  record->block_count = (uint32_t)count;
  return 0;
}

/* Where the block before ended in the content, and its way to the base. */
struct walk {
  uint64_t at;
  int64_t shift;
};

static int read_block(struct frame_reader *frames, uint32_t content_size, struct walk *walk,
                      struct block *block, bool *main, struct fault *fault) {
  uint64_t literals, length;
  int64_t turn;
  if (section_number_up_to(frames, SECTION_CONTROL, "the text before a block",
                           content_size - walk->at, &literals, fault)) {
    return -1;
  }
  walk->at += literals;
  if (section_number_up_to(frames, SECTION_CONTROL, "twice a block's length",
                           2 * (content_size - walk->at) + 1, &length, fault) ||
      section_signed(frames, SECTION_CONTROL, "the way to a block", &turn, fault)) {
    return -1;
  }
  walk->shift += turn;
  int64_t old_place = (int64_t)walk->at + walk->shift;
  *main = length & 1;
  length >>= 1;
  if (length == 0) return frame_fault(frames, fault, "a block without bytes");
  if (old_place < 0 || old_place > (int64_t)(CONTENT_SIZE_MAX - length)) {
    return frame_fault(frames, fault, "a block of %" PRIu64 " bytes at %" PRId64 " of the base",
                       length, old_place);
  }
  *block = (struct block){(uint32_t)walk->at, (uint32_t)old_place, (uint32_t)length};
  walk->at += length;
  return 0;
}

int file_blocks_read(struct frame_reader *frames, const struct file_record *record,
                     uint32_t content_size, struct block *blocks, struct block *map,
                     size_t *map_count, struct fault *fault) {
  struct walk walk = {0, 0};
  *map_count = 0;
  for (uint32_t i = 0; i < record->block_count; i++) {
    bool main;
    if (read_block(frames, content_size, &walk, &blocks[i], &main, fault)) return -1;
    if (main) map[(*map_count)++] = blocks[i];
  }
  return 0;
}
