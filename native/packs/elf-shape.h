/* The segments of an ELF file, and how they moved from a base to the file that is made of it. */
#ifndef ELF_SHAPE_H
#define ELF_SHAPE_H

#include "limits.h"
#include "old-window.h"

struct segment {
  uint64_t place, address, size, memory_size;
  bool executable;
};

/* What prediction has to know of an ELF file. */
struct elf_shape {
  bool is_64;
  unsigned segment_count;
  struct segment segments[SEGMENTS_MAX];
  /* The highest address of its memory. */
  uint64_t end;
  /* .eh_frame_hdr: its address is 0, like its size, where there is none. */
  uint64_t unwind_place, unwind_size, unwind_address;
  /* DT_PLTGOT of ELF32; 0: none. */
  uint64_t got;
};

/* 1; 0: nothing that flag 16 could be for; -1 with errno: the file can't be read. */
int elf_shape_read(const struct old_bytes *file, struct elf_shape *shape);

/* The numbers of a record: four for each segment, and two more (new less old). */
#define SHAPE_NUMBERS_MAX (4 * SEGMENTS_MAX + 2)
/* How many there are; 0: the two don't have equally many segments. */
unsigned elf_shape_difference(const struct elf_shape *old, const struct elf_shape *new,
                              int64_t numbers[SHAPE_NUMBERS_MAX]);
/* False: the old file has another number of segments, or an address ends up above the limit. */
bool elf_shape_apply(const struct elf_shape *old, const int64_t *numbers, unsigned count,
                     struct elf_shape *new);

#endif
