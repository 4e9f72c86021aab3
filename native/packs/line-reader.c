/* Lines; see line-reader.h. */
#include "line-reader.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "../checksums/content.h"

void line_reader_begin(struct line_reader *reader, int fd, int64_t place) {
  reader->fd = fd;
  reader->place = place;
  reader->start = reader->end = 0;
}

/* Reads on. 1; 0 at the end of the file; -1 with a fault. */
static int fill(struct line_reader *reader, struct fault *fault) {
  size_t held = reader->end - reader->start;
  memmove(reader->buffer, reader->buffer + reader->start, held);
  reader->start = 0;
  reader->end = held;
  size_t room = sizeof reader->buffer - held;
  if (room > LINE_READ_SIZE) room = LINE_READ_SIZE;
  ssize_t count = reader->fd < 0 ? 0
                                 : content_read_at(reader->fd, reader->buffer + held, room,
                                                   reader->place + (int64_t)held);
  if (count < 0) return fault_system(fault, "read", errno);
  reader->end += (size_t)count;
  return count > 0;
}

int line_reader_next(struct line_reader *reader, struct fault *fault) {
  size_t searched = 0;
  for (;;) {
    const char *line = reader->buffer + reader->start;
    size_t held = reader->end - reader->start;
    const char *newline = memchr(line + searched, '\n', held - searched);
    size_t length = newline ? (size_t)(newline - line) : held;
    if (length > LINE_LENGTH_MAX) {
      return fault_token(fault, "a line of a manifest has more than %d bytes", LINE_LENGTH_MAX);
    }
    if (newline) {
      reader->line = line;
      reader->length = length;
      reader->start += length + 1;
      reader->place += (int64_t)length + 1;
      return 1;
    }
    searched = held;
    int more = fill(reader, fault);
    if (more < 0) return -1;
    if (more > 0) continue;
    if (held == 0) return 0;
    return fault_token(fault, "the last line of a manifest has no newline");
  }
}
