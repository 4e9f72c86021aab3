/* zstd, as frames are compressed, and how much it would make of something. */
#ifndef PACK_CODER_COMPRESSION_H
#define PACK_CODER_COMPRESSION_H

#include "bytes.h"

/* Appends one frame with this content. */
void compress_frame(const void *content, size_t length, struct bytes *target);

enum effort { EFFORT_FAST, EFFORT_OF_FRAMES };
/* The length of a frame with this content. */
size_t compressed_length(const struct bytes *content, enum effort effort);

#endif
