/* Copies the content of a regular file to a new one in the cheapest way that the kernel offers. */
#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* linux/fs.h, which musl's headers don't bring. */
#ifndef FICLONE
#define FICLONE _IOW(0x94, 9, int)
#endif

#define RANGE_LENGTH (1 << 30)
#define CHUNK_LENGTH (64 * 1024)

static int write_whole(int target, const uint8_t *bytes, size_t count) {
  while (count > 0) {
    ssize_t written = write(target, bytes, count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return -1;
    bytes += written;
    count -= (size_t)written;
  }
  return 0;
}

/* Whether reading and writing would fail as well. */
static bool is_final(int error) {
  return error == ENOSPC || error == EDQUOT || error == EIO || error == EFBIG;
}

int copy_content(int source, int target, int64_t size, const char **call) {
  if (ioctl(target, FICLONE, source) == 0) return 0;
  *call = "copy_file_range";
  for (int64_t done = 0;;) {
    ssize_t copied = copy_file_range(source, NULL, target, NULL, RANGE_LENGTH, 0);
    if (copied < 0 && errno == EINTR) continue;
    if (copied <= 0 && (copied == 0 || !is_final(errno))) break;
    if (copied < 0) return -1;
    done += copied;
    if (done == size) return 0;
  }
  /* From where that ended: at the end of the file, or at the start where the kernel can't. */
  for (;;) {
    uint8_t chunk[CHUNK_LENGTH];
    *call = "read";
    ssize_t count = read(source, chunk, sizeof chunk);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return (int)count;
    *call = "write";
    if (write_whole(target, chunk, (size_t)count)) return -1;
  }
}
