/* Writing and hashing at once; see output.h. */
#include "output.h"

#include <errno.h>
#include <string.h>

#include "../checksums/content.h"
#include "../checksums/hash.h"

void output_begin(struct output *output, int fd) {
  sha256_init(&output->hash);
  output->fd = fd;
  output->size = 0;
  output->held = 0;
}

int output_flush(struct output *output, struct fault *fault) {
  size_t count = output->held;
  output->held = 0;
  sha256_update(&output->hash, count, output->bytes);
  if (output->fd >= 0 && content_write(output->fd, output->bytes, count))
    return fault_system(fault, "write", errno);
  return 0;
}

int output_write(struct output *output, const void *bytes, size_t count, struct fault *fault) {
  const uint8_t *next = bytes;
  output->size += (int64_t)count;
  while (count > 0) {
    if (output->held == OUTPUT_SIZE && output_flush(output, fault)) return -1;
    size_t room = OUTPUT_SIZE - output->held, part = count < room ? count : room;
    memcpy(output->bytes + output->held, next, part);
    output->held += part;
    next += part;
    count -= part;
  }
  return 0;
}

void output_digest(struct output *output, char digest[65]) {
  uint8_t bytes[SHA256_DIGEST_SIZE];
  sha256_digest(&output->hash, sizeof bytes, bytes);
  hash_hex(bytes, sizeof bytes, digest);
}
