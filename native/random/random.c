/* Random bytes from the kernel, and from nowhere else; what a nonce or a key is made of. */
#include <errno.h>
#include <sys/random.h>

#include "module.h"

/* Nonces and keys are short; more in one call is a mistake (bytes). */
#define LENGTH_MAX 65536

static NATIVE(random_bytes) {
  int64_t length;
  if (JS_ToInt64(context, &length, arguments[0])) return JS_EXCEPTION;
  if (length < 0 || length > LENGTH_MAX) {
    return JS_ThrowRangeError(context, "randomBytes: length must be 0 to %d", LENGTH_MAX);
  }
  uint8_t bytes[LENGTH_MAX];
  size_t filled = 0;
  while (filled < (size_t)length) {
    ssize_t count = getrandom(bytes + filled, (size_t)length - filled, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      int saved_errno = errno;
      return throw_system_error(context, "getrandom", NULL, saved_errno);
    }
    filled += (size_t)count;
  }
  return buffer_new(context, bytes, filled);
}

static const JSCFunctionListEntry random_functions[] = {
    JS_CFUNC_DEF("randomBytes", 1, random_bytes),
};

MODULE(random, random_functions)
