/* Keys of a terminal, waited for by the loop. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "loop.h"
#include "system.h"

/* A key is one byte, or an escape sequence of a few; nobody presses more at once. */
#define KEYS_SIZE 64

NATIVE(system_set_raw_terminal) {
  int32_t fd;
  struct termios mode;
  if (JS_ToInt32(context, &fd, arguments[0])) return JS_EXCEPTION;
  bool raw = JS_ToBool(context, arguments[1]);
  int failed = tcgetattr(fd, &mode);
  if (!failed) {
    tcflag_t line_flags = ICANON | ECHO | ISIG;
    mode.c_lflag = raw ? mode.c_lflag & ~line_flags : mode.c_lflag | line_flags;
    mode.c_cc[VMIN] = 1;
    mode.c_cc[VTIME] = 0;
    failed = tcsetattr(fd, TCSANOW, &mode);
  }
  int saved_errno = errno;
  return failed ? throw_system_error(context, "tcsetattr", NULL, saved_errno) : JS_UNDEFINED;
}

struct key_wait {
  struct loop_wait wait;
  JSValue resolve;
};

static void keys_wake(JSContext *context, struct loop_wait *wait, bool ready) {
  struct key_wait *keys = (struct key_wait *)wait;
  char bytes[KEYS_SIZE];
  JSValue value = JS_UNDEFINED;
  if (ready) {
    ssize_t count;
    do count = read(wait->fd, bytes, sizeof bytes);
    while (count < 0 && errno == EINTR);
    /* A console that hung up is like one without a keyboard. A NUL is not a key. */
    for (ssize_t i = 0; i < count; i++)
      if (!bytes[i]) bytes[i] = ' ';
    value = bytes_to_js(context, bytes, count > 0 ? (size_t)count : 0);
  }
  JS_FreeValue(context, JS_Call(context, keys->resolve, JS_UNDEFINED, 1, (JSValueConst *)&value));
  JS_FreeValue(context, value);
  JS_FreeValue(context, keys->resolve);
  free(keys);
}

NATIVE(system_read_keys) {
  int32_t fd;
  double timeout_ms;
  JSValue functions[2];
  if (JS_ToInt32(context, &fd, arguments[0]) || JS_ToFloat64(context, &timeout_ms, arguments[1])) {
    return JS_EXCEPTION;
  }
  struct key_wait *keys = malloc(sizeof *keys);
  if (!keys) return JS_ThrowOutOfMemory(context);
  JSValue promise = JS_NewPromiseCapability(context, functions);
  if (JS_IsException(promise)) {
    free(keys);
    return promise;
  }
  JS_FreeValue(context, functions[1]);
  *keys = (struct key_wait){
      .wait = {.fd = fd,
               .events = POLLIN,
               .deadline_ms = loop_deadline_ms(timeout_ms),
               .wake = keys_wake},
      .resolve = functions[0],
  };
  loop_add(&keys->wait);
  return promise;
}
