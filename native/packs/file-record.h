/* What a pack says of one file: how it is made, and of which blocks. */
#ifndef FILE_RECORD_H
#define FILE_RECORD_H

#include "elf-shape.h"
#include "frame-reader.h"
#include "prediction.h"

enum record_flag {
  RECORD_BASE = 1,
  RECORD_BASE_NEW = 2,
  RECORD_OPENED = 4,
  RECORD_BASE_OPENED = 8,
  RECORD_ELF = 16,
  RECORD_MODULE = 32
};

struct file_record {
  uint32_t entry;
  unsigned flags;
  /* The entry of the base. */
  uint32_t base;
  uint32_t gzip_header_length;
  uint8_t gzip_header[GZIP_HEADER_MAX];
  uint32_t opened_size;
  unsigned shape_count;
  int64_t shape_numbers[SHAPE_NUMBERS_MAX];
  uint32_t block_count;
};

/* The next record, all but its blocks. `previous`: the entry of the one before. 0, or -1 with a fault. */
int file_record_read(struct frame_reader *frames, uint32_t previous, struct file_record *record,
                     struct fault *fault);

/* Its blocks, and the main ones among them, in order. Both have room for BLOCKS_MAX. 0, or -1 with a fault. */
int file_blocks_read(struct frame_reader *frames, const struct file_record *record,
                     uint32_t content_size, struct block *blocks, struct block *map,
                     size_t *map_count, struct fault *fault);

#endif
