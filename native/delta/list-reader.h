/*
 * The units that a file list is made of (bytes, numbers, texts), taken one by one from what has come,
 * and how a stranger's name is shown in a message. What they mean is up to file-list.c.
 */
#ifndef LIST_READER_H
#define LIST_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"

/* Reads one unit. After the end of the bytes it hands out zeros, and `incomplete` says so. */
struct reader {
  const uint8_t *at;
  const uint8_t *end;
  bool incomplete;
  bool failed;
  struct fault *fault;
};

/* Fails the reader if `wrong`; a unit whose end is missing is not judged yet. */
bool refuse(struct reader *reader, bool wrong, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The next bytes; NULL if they are not all there. */
const uint8_t *take(struct reader *reader, size_t count);

uint8_t read_byte(struct reader *reader);
/* rsync io.c read_varint and read_varlong: a lead byte, then `rest_min` to `rest_max` more. */
uint64_t read_variable(struct reader *reader, unsigned rest_min, unsigned rest_max);
int32_t read_varint(struct reader *reader);
uint32_t read_int(struct reader *reader);

/* A name for a message: quoted, escaped and cut. */
struct shown {
  char text[160];
};

struct shown show(const char *name, size_t length);

#endif
