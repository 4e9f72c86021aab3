/*
 * What a block of a file probably looks like, seen from its base (docs/PACKS.md, Prediction). The publisher's coder and
 * the device's decoder both come through here, in the same order with the same bytes, and so learn the same. Knows
 * nothing of packs or JavaScript; takes no memory but what it is given; reads no byte that the base doesn't have.
 */
#ifndef PREDICT_H
#define PREDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limits.h"

/* A stretch of the content that lies in the base, too, more or less. */
struct block {
  uint32_t new_place, old_place, length;
};

/* The base. `read` gives exactly `count` bytes from `place`, which lie in `size`; -1 with errno if it can't. */
struct old_bytes {
  void *owner;
  int (*read)(void *owner, uint64_t place, void *bytes, size_t count);
  uint64_t size;
};

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

enum prediction { PREDICT_NOTHING, PREDICT_ELF, PREDICT_MODULE };

struct predictor;
/* Aligned for anything; zeroed memory of this size is a predictor that knows nothing yet (2 MiB, touched as needed). */
size_t predictor_size(void);

/* At the start of each stretch (a frame of kind 1). */
void predictor_forget_stretch(struct predictor *predictor);

/*
 * For a file: `map` are its main blocks in the order of map_sort, and stays the caller's for as long as the file. `new`
 * is for ELF only. 1; 0: the base is nothing that can be predicted from (then the coder does without, and a decoder
 * has the wrong base); -1 with errno: it can't be read.
 */
int predictor_begin(struct predictor *predictor, enum prediction prediction,
                    const struct old_bytes *old, const struct elf_shape *new_shape,
                    const struct block *map, size_t map_count);

/* Sorts main blocks for predictor_begin, in place. */
void map_sort(struct block *map, size_t count);

/* A block, or the next PIECE_SIZE bytes of one. */
struct piece {
  uint32_t new_place, old_place, length;
  /* The base's bytes from old_place on; before them are `context` more: PIECE_CONTEXT, or all that the base has. */
  const uint8_t *old;
  size_t context;
  /* Where the prediction goes: `length` bytes. */
  uint8_t *predicted;
  /* What the piece really is: the coder gives its bytes, the decoder their fixes; the other one is NULL. */
  const uint8_t *known;
  const uint8_t *fixes;
};

/* Pieces in the order of the content, with the right bytes in them. */
void predict_piece(struct predictor *predictor, const struct piece *piece);

#endif
