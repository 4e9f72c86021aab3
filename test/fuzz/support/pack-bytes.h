/*
 * A pack (docs/PACKS.md) out of an input that says no more than what is in its frames: lengths, zstd's frames and
 * the index are right, so that mutations are spent on what comes after them.
 */
#ifndef FUZZ_PACK_BYTES_H
#define FUZZ_PACK_BYTES_H

#include "fuzz.h"

/* Takes all of the input. The pack is to be freed. */
uint8_t *pack_bytes(struct input *input, size_t *size);

#endif
