/*
 * What a block of a file probably looks like, seen from its base (docs/PACKS.md, Prediction). The publisher's coder and
 * the device's decoder both come through here, in the same order with the same bytes, and so learn the same. Knows
 * nothing of packs or JavaScript; takes no memory but what it is given; reads no byte that the base doesn't have.
 */
#ifndef PREDICT_H
#define PREDICT_H

#include "elf-shape.h"
#include "prediction.h"

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

/* Pieces in the order of the content, with the right bytes in them. */
void predict_piece(struct predictor *predictor, const struct piece *piece);

#endif
