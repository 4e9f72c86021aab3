/*
 * How one content is made from another one: what is predicted, in which blocks, and the sections that say so.
 * Whoever uses this has both contents in memory for as long.
 */
#ifndef PACK_CODER_CODING_H
#define PACK_CODER_CODING_H

#include "matching.h"
#include "sections.h"

struct coding {
  struct content new, base;
  enum prediction prediction;
  /* Of ELF: the shape of the new one as a reader works it out, and the numbers that tell it. */
  struct elf_shape new_shape;
  int64_t shape_numbers[SHAPE_NUMBERS_MAX];
  unsigned shape_number_count;
  struct blocks blocks;
  /* For each block. */
  bool *is_main;
  /* The main blocks by where they are in the base. */
  struct block *map;
  size_t map_count;
};

/* Finds the blocks. `predictor` is only asked what it can predict. */
void coding_plan(struct coding *coding, struct predictor *predictor, struct content new,
                 struct content base);
/* Appends what a record has from the numbers of segments on, and the other sections, which must be empty. */
void coding_write(const struct coding *coding, struct predictor *predictor,
                  struct sections *sections);
void coding_free(struct coding *coding);

/* Zeroed memory of a predictor, to be freed. */
struct predictor *predictor_new(void);

/* Bytes that planning takes at most, the two contents not counted. */
size_t coding_memory(size_t new_length, size_t base_length);

#endif
