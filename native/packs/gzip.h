/* Opening a .gz, and closing one as `gzip -9` would have. */
#ifndef PACK_GZIP_H
#define PACK_GZIP_H

#include <zlib.h>

#include "old-window.h"
#include "output.h"

/*
 * What is in a .gz, in memory of budget_pack, to be freed (budget_free). NULL: it is none, or one of more
 * than OPENED_SIZE_MAX bytes, or can't be read; or there was no memory, which `problem` says then.
 */
uint8_t *gzip_open(const struct old_bytes *file, uint32_t *size, const char **problem);

struct gzip_closer {
  z_stream stream;
  struct output *output;
  uint32_t sum, length;
  uint8_t packed[4096];
};

/* Writes the header, and then what comes, deflated. 0, or -1 with a fault; after a 0 to be ended by gzip_close_end. */
int gzip_close_begin(struct gzip_closer *closer, struct output *output, const uint8_t *header,
                     size_t length, struct fault *fault);
int gzip_close_write(struct gzip_closer *closer, const uint8_t *bytes, size_t count,
                     struct fault *fault);
/* Writes the end of it, too. */
int gzip_close_finish(struct gzip_closer *closer, struct fault *fault);
void gzip_close_end(struct gzip_closer *closer);

#endif
