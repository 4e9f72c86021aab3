/* Compression of frames; see the header. */
#include "frames.h"

#include <zstd.h>

#include "fail.h"

/* Higher levels save less than a thousandth. */
#define LEVEL 19

struct ZSTD_CCtx_s *compressor_new(void) {
  ZSTD_CCtx *compressor = ZSTD_createCCtx();
  if (!compressor) out_of_memory();
  ZSTD_CCtx_setParameter(compressor, ZSTD_c_compressionLevel, LEVEL);
  return compressor;
}

void compressor_free(ZSTD_CCtx *compressor) { ZSTD_freeCCtx(compressor); }

void compress_frame(ZSTD_CCtx *compressor, const void *content, size_t length,
                    struct bytes *target) {
  size_t most = ZSTD_compressBound(length);
  bytes_reserve(target, most);
  size_t size = ZSTD_compress2(compressor, target->data + target->length, most, content, length);
  /* There is room for the worst case, so only memory can be missing. */
  if (ZSTD_isError(size)) out_of_memory();
  target->length += size;
}
