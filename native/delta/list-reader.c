/*
 * Takes the bytes of a file list apart; see list-reader.h. Nothing here reads past the bytes it was given.
 */
#include "list-reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool refuse(struct reader *reader, bool wrong, const char *format, ...) {
  if (reader->incomplete || reader->failed || !wrong) return false;
  char message[sizeof reader->fault->message];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  fault_token(reader->fault, "%s", message);
  return reader->failed = true;
}

const uint8_t *take(struct reader *reader, size_t count) {
  if (reader->incomplete || reader->failed || (size_t)(reader->end - reader->at) < count) {
    reader->incomplete = true;
    return NULL;
  }
  reader->at += count;
  return reader->at - count;
}

uint8_t read_byte(struct reader *reader) {
  const uint8_t *byte = take(reader, 1);
  return byte ? *byte : 0;
}

uint64_t read_variable(struct reader *reader, unsigned rest_min, unsigned rest_max) {
  uint8_t lead = read_byte(reader);
  unsigned extra = 0;
  while (extra < 6 && lead & 0x80 >> extra) extra++;
  unsigned length = rest_min + extra;
  if (refuse(reader, length > rest_max, "a number of %u bytes, at most %u", length + 1,
             rest_max + 1)) {
    return 0;
  }
  const uint8_t *rest = take(reader, length);
  if (!rest) return 0;
  uint64_t value = 0;
  for (unsigned i = 0; i < length; i++) value |= (uint64_t)rest[i] << 8 * i;
  if (length < 8) value |= (uint64_t)(lead & (extra < 6 ? 0x7f >> extra : 3)) << 8 * length;
  return value;
}

int32_t read_varint(struct reader *reader) {
  return (int32_t)(uint32_t)read_variable(reader, 0, 4);
}

uint32_t read_int(struct reader *reader) {
  const uint8_t *bytes = take(reader, 4);
  if (!bytes) return 0;
  return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
         (uint32_t)bytes[3] << 24;
}

struct shown show(const char *name, size_t length) {
  struct shown shown;
  size_t at = 0;
  shown.text[at++] = '"';
  for (size_t i = 0; i < length; i++) {
    if (at > sizeof shown.text - 12) {
      memcpy(shown.text + at, "...", 3);
      at += 3;
      break;
    }
    unsigned char byte = (unsigned char)name[i];
    bool plain = byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
    at += (size_t)snprintf(shown.text + at, 5, plain ? "%c" : "\\%03o", byte);
  }
  memcpy(shown.text + at, "\"", 2);
  return shown;
}
