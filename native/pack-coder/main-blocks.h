/* Which blocks tell where the old file's bytes went: each old byte may be copied often, but it moved once. */
#ifndef PACK_CODER_MAIN_BLOCKS_H
#define PACK_CODER_MAIN_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>

#include "matching.h"

/* One flag for each block, to be freed. */
bool *choose_main_blocks(const struct blocks *blocks, size_t old_length);

#endif
