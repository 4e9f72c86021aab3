/* A manifest's lines as they are, one after the other, from any place on. Looks into none. */
#ifndef LINE_READER_H
#define LINE_READER_H

#include <stdint.h>

#include "../delta/fault.h"
#include "../trees/manifest-line.h"

#define LINE_READ_SIZE (16 * 1024)

struct line_reader {
  /* -1: a file without lines. */
  int fd;
  /* Where the next line begins in the file. */
  int64_t place;
  /* What is in the buffer and not yet read. */
  size_t start, end;
  /* The last line, without newline, until the next one is read. */
  const char *line;
  size_t length;
  char buffer[LINE_LENGTH_MAX + LINE_READ_SIZE];
};

void line_reader_begin(struct line_reader *reader, int fd, int64_t place);
/* 1; 0: there is none; -1 with a fault. */
int line_reader_next(struct line_reader *reader, struct fault *fault);

#endif
