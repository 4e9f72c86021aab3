/* Bytes that grow; see the header. */
#include "bytes.h"

#include <stdlib.h>
#include <string.h>

#include "fail.h"

void *memory_take(size_t size) {
  void *memory = malloc(size ? size : 1);
  if (!memory) out_of_memory();
  return memory;
}

void bytes_reserve(struct bytes *bytes, size_t more) {
  if (bytes->capacity - bytes->length >= more) return;
  size_t capacity = bytes->capacity * 2 + 256;
  if (capacity < bytes->length + more) capacity = bytes->length + more;
  uint8_t *data = realloc(bytes->data, capacity);
  if (!data) out_of_memory();
  bytes->data = data;
  bytes->capacity = capacity;
}

void bytes_append(struct bytes *bytes, const void *data, size_t length) {
  if (length == 0) return;
  bytes_reserve(bytes, length);
  memcpy(bytes->data + bytes->length, data, length);
  bytes->length += length;
}

void bytes_append_byte(struct bytes *bytes, uint8_t byte) {
  bytes_reserve(bytes, 1);
  bytes->data[bytes->length++] = byte;
}

void bytes_append_number(struct bytes *bytes, uint64_t number) {
  while (number > 127) {
    bytes_append_byte(bytes, (uint8_t)(number | 128));
    number >>= 7;
  }
  bytes_append_byte(bytes, (uint8_t)number);
}

void bytes_append_signed(struct bytes *bytes, int64_t number) {
  bytes_append_number(bytes, (uint64_t)number << 1 ^ (number < 0 ? ~UINT64_C(0) : 0));
}

void bytes_free(struct bytes *bytes) {
  free(bytes->data);
  *bytes = (struct bytes){0};
}
