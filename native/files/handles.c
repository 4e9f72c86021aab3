/*
 * The functions of native:files that take an open descriptor and no path; see handles.h. Whole
 * reads and writes are completed here, and EINTR never reaches JavaScript.
 */
#include "handles.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "entries.h"

#define COLUMNS_DEFAULT 80

static JSValue handle_failure(JSContext *context, const char *call) {
  return throw_system_error(context, call, NULL, errno);
}

static int fd_argument(JSContext *context, JSValueConst value, int *fd) {
  int32_t number;
  if (JS_ToInt32(context, &number, value)) return -1;
  *fd = number;
  return 0;
}

NATIVE(handle_close) {
  int fd;
  if (fd_argument(context, arguments[0], &fd)) return JS_EXCEPTION;
  /* The descriptor is gone after EINTR too. */
  if (close(fd) && errno != EINTR) return handle_failure(context, "close");
  return JS_UNDEFINED;
}

NATIVE(handle_stat_handle) {
  int fd;
  struct stat status;
  if (fd_argument(context, arguments[0], &fd)) return JS_EXCEPTION;
  return fstat(fd, &status) ? handle_failure(context, "stat") : stat_to_js(context, &status);
}

NATIVE(handle_read) {
  int fd;
  uint8_t *bytes;
  size_t wanted;
  int64_t position = -1;
  if (fd_argument(context, arguments[0], &fd) ||
      buffer_window(context, arguments[1], arguments[2], arguments[3], &bytes, &wanted)) {
    return JS_EXCEPTION;
  }
  bool from_position = !JS_IsUndefined(arguments[4]);
  if (from_position && JS_ToInt64(context, &position, arguments[4])) return JS_EXCEPTION;
  size_t done = 0;
  while (done < wanted) {
    ssize_t got = from_position ? pread(fd, bytes + done, wanted - done, position + (int64_t)done)
                                : read(fd, bytes + done, wanted - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return handle_failure(context, "read");
    if (got == 0) break;
    done += (size_t)got;
  }
  return JS_NewInt64(context, (int64_t)done);
}

/* A pipe whose reader is slow, and that whoever started us made non-blocking. */
static bool wait_writable(int fd) {
  struct pollfd wanted = {.fd = fd, .events = POLLOUT};
  return poll(&wanted, 1, -1) == 1 || errno == EINTR;
}

NATIVE(handle_write) {
  int fd;
  uint8_t *bytes;
  size_t left;
  if (fd_argument(context, arguments[0], &fd) ||
      buffer_window(context, arguments[1], arguments[2], arguments[3], &bytes, &left)) {
    return JS_EXCEPTION;
  }
  while (left > 0) {
    ssize_t written = write(fd, bytes, left);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN && wait_writable(fd)) continue;
    if (written < 0) return handle_failure(context, "write");
    bytes += written;
    left -= (size_t)written;
  }
  return JS_UNDEFINED;
}

/* sync (magic: 0) and syncFileSystem. */
NATIVE_WITH(handle_sync, whole) {
  int fd;
  if (fd_argument(context, arguments[0], &fd)) return JS_EXCEPTION;
  int result;
  do result = whole ? (int)syscall(SYS_syncfs, fd) : fsync(fd);
  while (result < 0 && errno == EINTR);
  return result < 0 ? handle_failure(context, whole ? "syncfs" : "fsync") : JS_UNDEFINED;
}

NATIVE(handle_space) {
  int fd;
  struct statvfs status;
  if (fd_argument(context, arguments[0], &fd)) return JS_EXCEPTION;
  if (fstatvfs(fd, &status)) return handle_failure(context, "statvfs");
  double block = (double)(status.f_frsize ? status.f_frsize : status.f_bsize);
  double inodes = status.f_files ? (double)status.f_favail : (double)INFINITY;
  JSValue space = JS_NewObject(context);
  if (JS_IsException(space)) return space;
  /* A disk that tells no size (ramfs, some of FUSE) has as much as it takes. */
  double bytes = status.f_blocks ? (double)status.f_bavail * block : (double)INFINITY;
  if (set_property(context, space, "bytes", JS_NewFloat64(context, bytes)) ||
      set_property(context, space, "inodes", JS_NewFloat64(context, inodes)) ||
      set_property(context, space, "blockSize", JS_NewFloat64(context, block))) {
    JS_FreeValue(context, space);
    return JS_EXCEPTION;
  }
  return space;
}

NATIVE(handle_lock) {
  int fd, result;
  if (fd_argument(context, arguments[0], &fd)) return JS_EXCEPTION;
  int wait = JS_ToBool(context, arguments[1]);
  if (wait < 0) return JS_EXCEPTION;
  do result = flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB);
  while (result < 0 && errno == EINTR);
  if (result < 0 && errno != EWOULDBLOCK) return handle_failure(context, "flock");
  return JS_NewBool(context, result == 0);
}

NATIVE(handle_is_terminal) {
  int fd;
  if (fd_argument(context, arguments[0], &fd)) return JS_EXCEPTION;
  return JS_NewBool(context, isatty(fd));
}

NATIVE(handle_terminal_width) {
  int fd;
  struct winsize size;
  if (fd_argument(context, arguments[0], &fd)) return JS_EXCEPTION;
  bool known = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return JS_NewInt32(context, known ? size.ws_col : COLUMNS_DEFAULT);
}
