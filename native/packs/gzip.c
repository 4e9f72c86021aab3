/* .gz files (RFC 1952), opened and closed; see gzip.h. zlib's own gzip is left out of the program. */
#include "gzip.h"

#include <string.h>

#include "budget.h"
#include "limits.h"
#include "little-endian.h"

#define TRAILER_SIZE 8
enum gzip_flag { GZIP_SUM = 2, GZIP_EXTRA = 4, GZIP_NAME = 8, GZIP_COMMENT = 16, GZIP_FLAGS = 31 };

static void *zlib_take(UNUSED void *opaque, unsigned count, unsigned size) {
  return budget_take(&budget_pack, count, size);
}

static void zlib_free(UNUSED void *opaque, void *memory) { budget_free(&budget_pack, memory); }

/* The place behind a text that ends with a NUL; the file's size, if it has no end. */
static uint64_t skip_text(struct old_window *window, uint64_t place) {
  const uint8_t *byte;
  while ((byte = old_window_at(window, place, 1))) {
    place++;
    if (*byte == 0) break;
  }
  return place;
}

/* Where the deflated content begins; 0: this is no .gz. */
static uint64_t content_place(struct old_window *window) {
  const uint8_t *head = old_window_at(window, 0, GZIP_HEADER_MIN);
  if (!head || head[0] != 0x1f || head[1] != 0x8b || head[2] != Z_DEFLATED) return 0;
  uint8_t flags = head[3];
  uint64_t place = GZIP_HEADER_MIN;
  if (flags > GZIP_FLAGS) return 0;
  if (flags & GZIP_EXTRA) {
    const uint8_t *length = old_window_at(window, place, 2);
    if (!length) return 0;
    place += 2 + (uint64_t)read_u16(length);
  }
  if (flags & GZIP_NAME) place = skip_text(window, place);
  if (flags & GZIP_COMMENT) place = skip_text(window, place);
  if (flags & GZIP_SUM) place += 2;
  return place;
}

/* Exactly `size` bytes, and no stream behind the first one: Z_STREAM_END, or what zlib says. */
static int inflate_whole(struct old_window *window, uint64_t place, uint8_t *bytes, uint32_t size) {
  z_stream stream = {.zalloc = zlib_take, .zfree = zlib_free};
  int status = inflateInit2(&stream, -15);
  if (status != Z_OK) return status;
  uint64_t end = window->file->size - TRAILER_SIZE;
  stream.next_out = bytes;
  stream.avail_out = size;
  while (status == Z_OK && place < end) {
    size_t count = end - place < OLD_WINDOW_SIZE ? (size_t)(end - place) : OLD_WINDOW_SIZE;
    stream.next_in = (Bytef *)old_window_at(window, place, count);
    stream.avail_in = (uInt)count;
    if (!stream.next_in) break;
    status = inflate(&stream, Z_SYNC_FLUSH);
    place += count - stream.avail_in;
  }
  inflateEnd(&stream);
  bool whole = place == end && stream.avail_out == 0;
  return status == Z_STREAM_END && !whole ? Z_DATA_ERROR : status;
}

uint8_t *gzip_open(const struct old_bytes *file, uint32_t *size, const char **problem) {
  struct old_window window;
  old_window_begin(&window, file);
  *problem = "it is no .gz, or of more than 4 MiB of content";
  uint64_t place = content_place(&window);
  if (place == 0 || file->size < TRAILER_SIZE || place > file->size - TRAILER_SIZE) return NULL;
  const uint8_t *length = old_window_at(&window, file->size - 4, 4);
  if (!length) return NULL;
  *size = read_u32(length);
  if (*size > OPENED_SIZE_MAX) return NULL;
  uint8_t *bytes = budget_take(&budget_pack, 1, (size_t)*size + 1);
  int status = bytes ? inflate_whole(&window, place, bytes, *size) : Z_MEM_ERROR;
  if (status == Z_STREAM_END) return bytes;
  if (status == Z_MEM_ERROR) *problem = "there is no memory to open it";
  budget_free(&budget_pack, bytes);
  return NULL;
}

int gzip_close_begin(struct gzip_closer *closer, struct output *output, const uint8_t *header,
                     size_t length, struct fault *fault) {
  memset(&closer->stream, 0, sizeof closer->stream);
  closer->stream.zalloc = zlib_take;
  closer->stream.zfree = zlib_free;
  closer->output = output;
  closer->sum = (uint32_t)crc32(0, NULL, 0);
  closer->length = 0;
  // As gzip -9: the same matches, and blocks of as many symbols.
  if (deflateInit2(&closer->stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
    return fault_memory(fault, &budget_pack);
  }
  return output_write(output, header, length, fault);
}

static int deflate_on(struct gzip_closer *closer, int flush, struct fault *fault) {
  z_stream *stream = &closer->stream;
  do {
    stream->next_out = closer->packed;
    stream->avail_out = sizeof closer->packed;
    deflate(stream, flush);
    size_t made = sizeof closer->packed - stream->avail_out;
    if (output_write(closer->output, closer->packed, made, fault)) return -1;
  } while (stream->avail_out == 0);
  return 0;
}

int gzip_close_write(struct gzip_closer *closer, const uint8_t *bytes, size_t count,
                     struct fault *fault) {
  closer->sum = (uint32_t)crc32(closer->sum, bytes, (uInt)count);
  closer->length += (uint32_t)count;
  closer->stream.next_in = (Bytef *)bytes;
  closer->stream.avail_in = (uInt)count;
  return deflate_on(closer, Z_NO_FLUSH, fault);
}

int gzip_close_finish(struct gzip_closer *closer, struct fault *fault) {
  uint8_t trailer[TRAILER_SIZE];
  write_u32(trailer, closer->sum);
  write_u32(trailer + 4, closer->length);
  if (deflate_on(closer, Z_FINISH, fault)) return -1;
  return output_write(closer->output, trailer, sizeof trailer, fault);
}

void gzip_close_end(struct gzip_closer *closer) { deflateEnd(&closer->stream); }
