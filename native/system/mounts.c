/* Mounts, by the kernel's calls alone. */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "system.h"

static const struct {
  const char *name;
  unsigned long flag;
} flag_names[] = {
    {"read-only", MS_RDONLY}, {"no-suid", MS_NOSUID},   {"no-dev", MS_NODEV},
    {"no-exec", MS_NOEXEC},   {"no-atime", MS_NOATIME}, {"relative-atime", MS_RELATIME},
    {"bind", MS_BIND},        {"recursive", MS_REC},    {"move", MS_MOVE},
    {"remount", MS_REMOUNT},  {"private", MS_PRIVATE},
};

/* Adds one flag by its name. Returns -1 with an exception if there is none of that name. */
static int add_flag(JSContext *context, JSValueConst value, unsigned long *flags) {
  const char *name = JS_ToCString(context, value);
  if (!name) return -1;
  int result = -1;
  for (size_t i = 0; i < COUNT_OF(flag_names); i++) {
    if (strcmp(flag_names[i].name, name) != 0) continue;
    *flags |= flag_names[i].flag;
    result = 0;
  }
  if (result) JS_ThrowTypeError(context, "mount: there is no flag %s", name);
  JS_FreeCString(context, name);
  return result;
}

static int flags_from_js(JSContext *context, JSValueConst array, unsigned long *flags) {
  int64_t count;
  *flags = 0;
  if (get_int64_property(context, array, "length", &count)) return -1;
  for (int64_t i = 0; i < count; i++) {
    JSValue name = JS_GetPropertyUint32(context, array, (uint32_t)i);
    int failed = JS_IsException(name) || add_flag(context, name, flags);
    JS_FreeValue(context, name);
    if (failed) return -1;
  }
  return 0;
}

NATIVE(system_mount) {
  unsigned long flags;
  if (flags_from_js(context, arguments[3], &flags)) return JS_EXCEPTION;
  char *source = bytes_from_js(context, arguments[0], NULL);
  char *target = source ? bytes_from_js(context, arguments[1], NULL) : NULL;
  char *type = target ? bytes_from_js(context, arguments[2], NULL) : NULL;
  char *options = type ? bytes_from_js(context, arguments[4], NULL) : NULL;
  JSValue result = JS_EXCEPTION;
  if (options) {
    int failed = mount(source, target, *type ? type : NULL, flags, *options ? options : NULL);
    int saved_errno = errno;
    result = failed ? throw_system_error(context, "mount", target, saved_errno) : JS_UNDEFINED;
  }
  js_free(context, source);
  js_free(context, target);
  js_free(context, type);
  js_free(context, options);
  return result;
}

NATIVE(system_unmount) {
  char *target = bytes_from_js(context, arguments[0], NULL);
  if (!target) return JS_EXCEPTION;
  bool lazy = JS_ToBool(context, arguments[1]);
  int failed = umount2(target, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0));
  int saved_errno = errno;
  JSValue result =
      failed ? throw_system_error(context, "unmount", target, saved_errno) : JS_UNDEFINED;
  js_free(context, target);
  return result;
}

NATIVE(system_pivot_root) {
  char *root = bytes_from_js(context, arguments[0], NULL);
  char *old_root = root ? bytes_from_js(context, arguments[1], NULL) : NULL;
  JSValue result = JS_EXCEPTION;
  if (old_root) {
    /* The C library has no function for it; whether the caller's root moves along is not specified. */
    int failed =
        chdir(root) || syscall(SYS_pivot_root, root, old_root) || chroot(".") || chdir("/");
    int saved_errno = errno;
    result = failed ? throw_system_error(context, "pivot_root", root, saved_errno) : JS_UNDEFINED;
  }
  js_free(context, root);
  js_free(context, old_root);
  return result;
}
