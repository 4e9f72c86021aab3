/* The frames of a pack: sections of one kind after the other, and each frame by itself a zstd frame. */
#ifndef PACK_CODER_FRAMES_H
#define PACK_CODER_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

struct ZSTD_CCtx_s;

/* What compresses frames, with memory of its own. */
struct ZSTD_CCtx_s *compressor_new(void);
void compressor_free(struct ZSTD_CCtx_s *compressor);
/* Appends one frame with this content. */
void compress_frame(struct ZSTD_CCtx_s *compressor, const void *content, size_t length,
                    struct bytes *target);

#endif
