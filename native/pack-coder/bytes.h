/*
 * Bytes that grow at their end, and the numbers of a pack in them. The publisher's machine has memory; when it
 * has none left the program ends, and the next run throws away what this one made.
 */
#ifndef PACK_CODER_BYTES_H
#define PACK_CODER_BYTES_H

#include <stddef.h>
#include <stdint.h>

struct bytes {
  uint8_t *data;
  size_t length, capacity;
};

/* Memory that is there, or the end of the program. */
void *memory_take(size_t size);

void bytes_reserve(struct bytes *bytes, size_t more);
void bytes_append(struct bytes *bytes, const void *data, size_t length);
void bytes_append_byte(struct bytes *bytes, uint8_t byte);
/* LEB128, and the same with the sign in the lowest bit. */
void bytes_append_number(struct bytes *bytes, uint64_t number);
void bytes_append_signed(struct bytes *bytes, int64_t number);
/* Back to nothing, without its memory. */
void bytes_free(struct bytes *bytes);

#endif
