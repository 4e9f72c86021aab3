/* Raw devices: opened as they are, made the console, and the watchdog. */
#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "system.h"

static int access_of(JSContext *context, JSValueConst value) {
  const char *word = JS_ToCString(context, value);
  if (!word) return -1;
  int flags = strcmp(word, "read") == 0         ? O_RDONLY
              : strcmp(word, "write") == 0      ? O_WRONLY
              : strcmp(word, "read-write") == 0 ? O_RDWR
                                                : -1;
  if (flags < 0) JS_ThrowTypeError(context, "openDevice: there is no access %s", word);
  JS_FreeCString(context, word);
  return flags;
}

NATIVE(system_open_device) {
  int flags = access_of(context, arguments[1]);
  char *path = flags < 0 ? NULL : bytes_from_js(context, arguments[0], NULL);
  if (!path) return JS_EXCEPTION;
  int fd;
  do fd = open(path, flags | O_NOCTTY | O_CLOEXEC);
  while (fd < 0 && errno == EINTR);
  int saved_errno = errno;
  JSValue result =
      fd < 0 ? throw_system_error(context, "open", path, saved_errno) : JS_NewInt32(context, fd);
  js_free(context, path);
  return result;
}

NATIVE(system_use_as_standard) {
  int32_t fd;
  if (JS_ToInt32(context, &fd, arguments[0])) return JS_EXCEPTION;
  for (int standard = STDIN_FILENO; standard <= STDERR_FILENO; standard++) {
    int made;
    do made = dup2(fd, standard);
    while (made < 0 && (errno == EINTR || errno == EBUSY));
    if (made >= 0) continue;
    int saved_errno = errno;
    return throw_system_error(context, "dup2", NULL, saved_errno);
  }
  return JS_UNDEFINED;
}

NATIVE(system_set_watchdog) {
  int32_t fd, seconds;
  if (JS_ToInt32(context, &fd, arguments[0]) || JS_ToInt32(context, &seconds, arguments[1])) {
    return JS_EXCEPTION;
  }
  int taken = seconds;
  if (ioctl(fd, WDIOC_SETTIMEOUT, &taken) || ioctl(fd, WDIOC_KEEPALIVE, 0)) {
    int saved_errno = errno;
    return throw_system_error(context, "watchdog", NULL, saved_errno);
  }
  return JS_NewInt32(context, taken);
}
