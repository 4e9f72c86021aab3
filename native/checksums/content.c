/* Whole reads and writes; see content.h for what each function promises. */
#include "content.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "hash.h"

ssize_t content_read_at(int fd, void *bytes, size_t count, int64_t position) {
  size_t done = 0;
  while (done < count) {
    ssize_t result = pread(fd, (uint8_t *)bytes + done, count - done, position + (int64_t)done);
    if (result < 0 && errno == EINTR) continue;
    if (result < 0) return -1;
    if (result == 0) break;
    done += (size_t)result;
  }
  return (ssize_t)done;
}

int content_write(int fd, const void *bytes, size_t count) {
  size_t done = 0;
  while (done < count) {
    ssize_t result = write(fd, (const uint8_t *)bytes + done, count - done);
    if (result < 0 && errno == EINTR) continue;
    if (result < 0) return -1;
    done += (size_t)result;
  }
  return 0;
}

int64_t content_size_max(double number) {
  if (!(number > 0)) return 0;
  return number >= 9e18 ? INT64_MAX : (int64_t)number;
}

int content_digest(int fd, int target, int64_t size_max, int64_t *size, char digest[65],
                   const char **call) {
  uint8_t *piece = malloc(CONTENT_PIECE);
  int result = -1;
  struct hash hash;
  hash_begin(&hash, HASH_SHA256);
  *size = 0;
  *call = "read";
  if (!piece) return -1;
  for (;;) {
    ssize_t count = content_read_at(fd, piece, CONTENT_PIECE, *size);
    if (count < 0) break;
    if (count > size_max - *size) {
      errno = EFBIG;
      break;
    }
    hash_update(&hash, piece, (size_t)count);
    if (target >= 0 && content_write(target, piece, (size_t)count)) {
      *call = "write";
      break;
    }
    *size += count;
    if ((size_t)count == CONTENT_PIECE) continue;
    uint8_t bytes[SHA256_DIGEST_SIZE];
    hash_finish(&hash, bytes);
    hash_hex(bytes, sizeof bytes, digest);
    result = 0;
    break;
  }
  int saved_errno = errno;
  free(piece);
  errno = saved_errno;
  return result;
}
