/*
 * The compressors of token streams under one type: deflate, a stream for each file, and zstd, one for the
 * connection (rsync token.c). Knows nothing of tokens.
 */
#ifndef PACKER_H
#define PACKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../delta/compression.h"
#include "../delta/fault.h"

/* The most bytes at the end of what a flush writes that a stream goes without. */
#define PACKER_MARKER_MAX 4

struct packer;

struct packing {
  const uint8_t *source;
  size_t source_length;
  uint8_t *target;
  size_t target_length;
};

/* For anything but COMPRESSION_NONE. NULL with a fault. */
struct packer *packer_open(enum compression compression, struct fault *fault);
void packer_close(struct packer *packer);

/* A new file. */
void packer_begin(struct packer *packer);

/*
 * Takes from the source and writes into the target, moving both on. `flush`: so that all that was taken can be
 * unpacked; `*done` if there is no more to write. 0, or -1 with a fault.
 */
int packer_pack(struct packer *packer, struct packing *packing, bool flush, bool *done,
                struct fault *fault);

/* Bytes at the end of what a flush writes that this stream goes without. */
size_t packer_marker_length(const struct packer *packer);

#endif
