/* Compressing literals; see packer.h for what each function promises. */
#define ZSTD_STATIC_LINKING_ONLY
#include "packer.h"

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "budget.h"

/* rsync's own default. */
#define DEFLATE_LEVEL 6
/* zlib's own default: with its window it takes 256 KiB. */
#define DEFLATE_MEMORY 8
/* Fast, and small: history and tables of a client together are about 512 KiB. */
#define ZSTD_LEVEL 1
#define ZSTD_WINDOW_LOG 17

struct packer {
  enum compression compression;
  z_stream deflate;
  ZSTD_CCtx *zstd;
};

static void *take(void *opaque, uInt count, uInt size) { return budget_take(opaque, count, size); }

static void *take_zstd(void *opaque, size_t size) { return budget_take(opaque, 1, size); }

static void give_back(void *opaque, void *memory) { budget_free(opaque, memory); }

/* The strategy is said, too: the program has no other. */
static bool open_zstd(struct packer *packer) {
  ZSTD_customMem memory = {take_zstd, give_back, &budget_clients};
  packer->zstd = ZSTD_createCCtx_advanced(memory);
  return packer->zstd &&
         !ZSTD_isError(ZSTD_CCtx_setParameter(packer->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL)) &&
         !ZSTD_isError(ZSTD_CCtx_setParameter(packer->zstd, ZSTD_c_strategy, ZSTD_fast)) &&
         !ZSTD_isError(ZSTD_CCtx_setParameter(packer->zstd, ZSTD_c_windowLog, ZSTD_WINDOW_LOG));
}

static bool open_deflate(struct packer *packer) {
  packer->deflate = (z_stream){.zalloc = take, .zfree = give_back, .opaque = &budget_clients};
  return deflateInit2(&packer->deflate, DEFLATE_LEVEL, Z_DEFLATED, -MAX_WBITS, DEFLATE_MEMORY,
                      Z_DEFAULT_STRATEGY) == Z_OK;
}

struct packer *packer_open(enum compression compression, struct fault *fault) {
  struct packer *packer = budget_take(&budget_clients, 1, sizeof *packer);
  if (!packer) {
    fault_memory(fault, &budget_clients);
    return NULL;
  }
  packer->compression = compression;
  if (compression == COMPRESSION_ZSTD ? open_zstd(packer) : open_deflate(packer)) return packer;
  fault_memory(fault, &budget_clients);
  packer_close(packer);
  return NULL;
}

void packer_close(struct packer *packer) {
  if (!packer) return;
  if (packer->compression == COMPRESSION_ZSTD) ZSTD_freeCCtx(packer->zstd);
  else deflateEnd(&packer->deflate);
  budget_free(&budget_clients, packer);
}

void packer_begin(struct packer *packer) {
  if (packer->compression == COMPRESSION_ZLIBX) deflateReset(&packer->deflate);
}

static int pack_deflate(struct packer *packer, struct packing *packing, bool flush, bool *done,
                        struct fault *fault) {
  z_stream *stream = &packer->deflate;
  /* zlib has no const; it never writes there. */
  stream->next_in = (Bytef *)(uintptr_t)packing->source;
  stream->avail_in = (uInt)packing->source_length;
  stream->next_out = packing->target;
  stream->avail_out = (uInt)packing->target_length;
  int status = deflate(stream, flush ? Z_SYNC_FLUSH : Z_NO_FLUSH);
  if (status != Z_OK && status != Z_BUF_ERROR) {
    return fault_token(fault, "deflate says %d of a file that is sent", status);
  }
  packing->source = stream->next_in;
  packing->source_length = stream->avail_in;
  packing->target = stream->next_out;
  packing->target_length = stream->avail_out;
  *done = stream->avail_out > 0;
  return 0;
}

static int pack_zstd(struct packer *packer, struct packing *packing, bool flush, bool *done,
                     struct fault *fault) {
  ZSTD_inBuffer source = {packing->source, packing->source_length, 0};
  ZSTD_outBuffer target = {packing->target, packing->target_length, 0};
  size_t left =
      ZSTD_compressStream2(packer->zstd, &target, &source, flush ? ZSTD_e_flush : ZSTD_e_continue);
  if (ZSTD_isError(left)) {
    if (ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation) {
      return fault_memory(fault, &budget_clients);
    }
    return fault_token(fault, "zstd says \"%s\" of a file that is sent", ZSTD_getErrorName(left));
  }
  packing->source += source.pos;
  packing->source_length -= source.pos;
  packing->target += target.pos;
  packing->target_length -= target.pos;
  *done = flush && left == 0 && packing->source_length == 0;
  return 0;
}

int packer_pack(struct packer *packer, struct packing *packing, bool flush, bool *done,
                struct fault *fault) {
  bool is_zstd = packer->compression == COMPRESSION_ZSTD;
  return (is_zstd ? pack_zstd : pack_deflate)(packer, packing, flush, done, fault);
}

size_t packer_marker_length(const struct packer *packer) {
  return packer->compression == COMPRESSION_ZLIBX ? PACKER_MARKER_MAX : 0;
}
