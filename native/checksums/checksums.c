/* native:checksums: the hashes of hash.c as JavaScript sees them. */
#include <errno.h>

#include "content.h"
#include "hash.h"
#include "module.h"

static NATIVE(checksums_hash) {
  const char *name = JS_ToCString(context, arguments[0]);
  if (!name) return JS_EXCEPTION;
  int kind = hash_kind_of(name);
  if (kind < 0) JS_ThrowTypeError(context, "\"%s\" is not a hash", name);
  JS_FreeCString(context, name);
  if (kind < 0) return JS_EXCEPTION;
  uint8_t *bytes;
  size_t length;
  if (buffer_whole(context, arguments[1], &bytes, &length)) return JS_EXCEPTION;
  struct hash hash;
  uint8_t result[HASH_LENGTH_MAX];
  hash_begin(&hash, (enum hash_kind)kind);
  hash_update(&hash, bytes, length);
  hash_finish(&hash, result);
  return buffer_new(context, result, hash_length((enum hash_kind)kind));
}

static NATIVE(checksums_digest_file) {
  int32_t fd;
  double size_max;
  if (JS_ToInt32(context, &fd, arguments[0])) return JS_EXCEPTION;
  if (JS_ToFloat64(context, &size_max, arguments[1])) return JS_EXCEPTION;
  int64_t size;
  char digest[65];
  const char *call;
  if (content_digest(fd, -1, content_size_max(size_max), &size, digest, &call)) {
    int saved_errno = errno;
    return throw_system_error(context, call, NULL, saved_errno);
  }
  JSValue result = JS_NewObject(context);
  if (JS_IsException(result)) return result;
  set_property(context, result, "digest", JS_NewString(context, digest));
  set_property(context, result, "size", JS_NewInt64(context, size));
  return result;
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("hash", 2, checksums_hash),
    JS_CFUNC_DEF("digestFile", 2, checksums_digest_file),
};

MODULE(checksums, functions)
