/* Where a file goes: written in large pieces, with its SHA-256 in the same pass; or nowhere. */
#ifndef PACK_OUTPUT_H
#define PACK_OUTPUT_H

#include <nettle/sha2.h>
#include <stddef.h>
#include <stdint.h>

#include "../delta/fault.h"

#define OUTPUT_SIZE (64 * 1024)

struct output {
  struct sha256_ctx hash;
  int fd;
  int64_t size;
  size_t held;
  uint8_t bytes[OUTPUT_SIZE];
};

/* fd: at its position; -1: it is hashed alone. */
void output_begin(struct output *output, int fd);
/* 0, or -1 with a fault. */
int output_write(struct output *output, const void *bytes, size_t count, struct fault *fault);
/* Writes what is held. */
int output_flush(struct output *output, struct fault *fault);
/* After output_flush: the digest in hex. */
void output_digest(struct output *output, char digest[65]);

#endif
