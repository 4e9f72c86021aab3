/* Compressing literals; see packer.h for what each function promises. */
#include "packer.h"

#include <zlib.h>

#include "budget.h"

/* rsync's own default. */
#define DEFLATE_LEVEL 6
/* zlib's own default: with its window it takes 256 KiB. */
#define DEFLATE_MEMORY 8

struct packer {
  z_stream deflate;
};

static void *take(void *opaque, uInt count, uInt size) { return budget_take(opaque, count, size); }

static void give_back(void *opaque, void *memory) { budget_free(opaque, memory); }

struct packer *packer_open(struct fault *fault) {
  struct packer *packer = budget_take(&budget_clients, 1, sizeof *packer);
  if (!packer) {
    fault_memory(fault, &budget_clients);
    return NULL;
  }
  packer->deflate = (z_stream){.zalloc = take, .zfree = give_back, .opaque = &budget_clients};
  if (deflateInit2(&packer->deflate, DEFLATE_LEVEL, Z_DEFLATED, -MAX_WBITS, DEFLATE_MEMORY,
                   Z_DEFAULT_STRATEGY) == Z_OK) {
    return packer;
  }
  fault_memory(fault, &budget_clients);
  budget_free(&budget_clients, packer);
  return NULL;
}

void packer_close(struct packer *packer) {
  if (!packer) return;
  deflateEnd(&packer->deflate);
  budget_free(&budget_clients, packer);
}

void packer_begin(struct packer *packer) { deflateReset(&packer->deflate); }

int packer_pack(struct packer *packer, struct packing *packing, bool flush, bool *done,
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
