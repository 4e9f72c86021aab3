/* Files as they are read; see the header. */
#include "source-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "../files/paths.h"
#include "../packs/limits.h"
#include "../packs/little-endian.h"
#include "bytes.h"

/* CRC-32 and length. */
#define TRAILER_LENGTH 8
/* Flags of a .gz: what of these is set stands behind the fixed part of its header (RFC 1952). */
#define HAS_NAME 8
#define HAS_COMMENT 16

static int read_whole(int fd, uint8_t *bytes, size_t size) {
  size_t done = 0;
  while (done < size) {
    ssize_t count = read(fd, bytes + done, size - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -1;
    if (count == 0) break;
    done += (size_t)count;
  }
  uint8_t more;
  if (done == size && read(fd, &more, 1) == 0) return 0;
  errno = EINVAL;
  return -1;
}

int source_file_read(int tree, const char *path, size_t size, struct source_file *file) {
  *file = (struct source_file){0};
  int fd = open_below(tree, path, O_RDONLY, 0);
  if (fd < 0) return -1;
  uint8_t *bytes = memory_take(size);
  int result = read_whole(fd, bytes, size);
  int saved = errno;
  close(fd);
  errno = saved;
  if (result == 0) file->closed = (struct content){bytes, size};
  else free(bytes);
  return result;
}

/* Behind a text that ends with a NUL; or the limit, which no header reaches. */
static size_t behind_text(struct content content, size_t place) {
  while (place < GZIP_HEADER_MAX && place < content.length && content.bytes[place] != 0) place++;
  return place < content.length ? place + 1 : GZIP_HEADER_MAX;
}

/* The length of the header of a .gz, or 0. */
static size_t gzip_header_length(struct content content) {
  const uint8_t *bytes = content.bytes;
  if (content.length < GZIP_HEADER_MIN + TRAILER_LENGTH) return 0;
  if (bytes[0] != 0x1f || bytes[1] != 0x8b || bytes[2] != Z_DEFLATED) return 0;
  size_t length = GZIP_HEADER_MIN;
  /* None of the programs that write files for others makes these. */
  if (bytes[3] & ~(HAS_NAME | HAS_COMMENT)) return 0;
  if (bytes[3] & HAS_NAME) length = behind_text(content, length);
  if (bytes[3] & HAS_COMMENT) length = behind_text(content, length);
  return length < GZIP_HEADER_MAX ? length : 0;
}

/* What is deflated in there, if it ends where the bytes do and fits into `size`. */
static bool inflate_whole(const uint8_t *bytes, size_t count, uint8_t *target, size_t size) {
  z_stream stream = {.next_in = (uint8_t *)bytes,
                     .avail_in = (uInt)count,
                     .next_out = target,
                     .avail_out = (uInt)size};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return false;
  int result = inflate(&stream, Z_FINISH);
  bool whole = result == Z_STREAM_END && stream.avail_in == 0 && stream.avail_out == 0;
  inflateEnd(&stream);
  return whole;
}

/* Whether a reader makes these bytes out of the content. */
static bool is_made_again(struct content content, const uint8_t *bytes, size_t count) {
  size_t size = count + 64;
  uint8_t *target = memory_take(size);
  z_stream stream = {.next_in = (uint8_t *)content.bytes,
                     .avail_in = (uInt)content.length,
                     .next_out = target,
                     .avail_out = (uInt)size};
  bool again = deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, -MAX_WBITS, MAX_MEM_LEVEL,
                            Z_DEFAULT_STRATEGY) == Z_OK;
  if (again) {
    again = deflate(&stream, Z_FINISH) == Z_STREAM_END && size - stream.avail_out == count &&
            memcmp(target, bytes, count) == 0;
    deflateEnd(&stream);
  }
  free(target);
  return again;
}

void source_file_open(struct source_file *file, bool exactly) {
  struct content closed = file->closed;
  size_t header = gzip_header_length(closed);
  if (header == 0 || closed.length < header + TRAILER_LENGTH) return;
  const uint8_t *body = closed.bytes + header;
  const uint8_t *trailer = closed.bytes + closed.length - TRAILER_LENGTH;
  size_t count = closed.length - header - TRAILER_LENGTH, size = read_u32(trailer + 4);
  if (size == 0 || size > OPENED_SIZE_MAX) return;
  uint8_t *bytes = memory_take(size);
  struct content opened = {bytes, size};
  if (inflate_whole(body, count, bytes, size) && crc32(0, bytes, (uInt)size) == read_u32(trailer) &&
      (!exactly || is_made_again(opened, body, count))) {
    file->opened = opened;
    file->header_length = header;
  } else {
    free(bytes);
  }
}

void source_file_free(struct source_file *file) {
  free((uint8_t *)file->closed.bytes);
  free((uint8_t *)file->opened.bytes);
  *file = (struct source_file){0};
}

struct content source_file_content(const struct source_file *file, bool opened) {
  return opened ? file->opened : file->closed;
}
