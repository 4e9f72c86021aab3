/*
 * What files look like in matching: fields that hold addresses are blanked or told by differences, because they
 * change where nothing else does, and prediction takes care of them. The length stays.
 */
#ifndef PACK_CODER_VIEWS_H
#define PACK_CODER_VIEWS_H

#include "matching.h"

/* The bytes of the view, to be freed. */
uint8_t *view_of_elf(struct content content, const struct elf_shape *shape);
uint8_t *view_of_module(struct content content);

/* Whether a kernel module can be predicted: ELF64, little-endian, ET_REL. */
bool is_module(struct content content);

#endif
