/* Options and errors of the jobs; see job-options.h. */
#include "job-options.h"

#include <errno.h>
#include <fcntl.h>

#include "values.h"

int fd_option(JSContext *context, JSValueConst options, const char *name, int *fd) {
  JSValue value = JS_GetPropertyStr(context, options, name);
  *fd = -1;
  if (JS_IsUndefined(value)) return 0;
  int32_t number;
  int failed = JS_IsException(value) || JS_ToInt32(context, &number, value);
  JS_FreeValue(context, value);
  if (failed) return -1;
  *fd = fcntl(number, F_DUPFD_CLOEXEC, 0);
  if (*fd >= 0) return 0;
  throw_system_error(context, "fcntl", name, errno);
  return -1;
}

int live_option(JSContext *context, JSValueConst options, int *manifest, struct tree *tree) {
  JSValue live = JS_GetPropertyStr(context, options, "live");
  if (JS_IsException(live)) return -1;
  int root = -1, failed = 0;
  if (JS_IsObject(live)) {
    failed =
        fd_option(context, live, "manifest", manifest) || fd_option(context, live, "root", &root);
    tree->root = tree->parent = root;
    if (!failed && (*manifest < 0 || root < 0)) {
      JS_ThrowTypeError(context, "the live tree lacks its manifest or its root");
      failed = -1;
    }
  }
  JS_FreeValue(context, live);
  return failed ? -1 : 0;
}

JSValue throw_entry_error(JSContext *context, const char *call, const struct entry *entry,
                          int saved_errno) {
  return throw_system_error(context, call, entry->path, saved_errno);
}

int append(JSContext *context, JSValueConst array, JSValue value) {
  int64_t length;
  if (JS_IsException(value)) return -1;
  if (get_int64_property(context, array, "length", &length)) {
    JS_FreeValue(context, value);
    return -1;
  }
  int result = JS_DefinePropertyValueUint32(context, array, (uint32_t)length, value, JS_PROP_C_W_E);
  return result < 0 ? -1 : 0;
}

int set_numbers(JSContext *context, JSValueConst object, const char *const names[],
                const int64_t values[], size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (set_property(context, object, names[i], JS_NewInt64(context, values[i]))) return -1;
  }
  return 0;
}
