/*
 * native:trees, the table, and what its jobs share: options, classes, errors. The jobs themselves
 * are in the other files of this folder, and none of them knows another.
 */
#include "trees.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int prepare_class(JSContext *context, JSClassID *class_id, const JSClassDef *definition) {
  JS_NewClassID(class_id);
  JSRuntime *runtime = JS_GetRuntime(context);
  if (JS_IsRegisteredClass(runtime, *class_id)) return 0;
  return JS_NewClass(runtime, *class_id, definition);
}

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

int bool_option(JSContext *context, JSValueConst options, const char *name) {
  JSValue value = JS_GetPropertyStr(context, options, name);
  if (JS_IsException(value)) return -1;
  int result = JS_ToBool(context, value);
  JS_FreeValue(context, value);
  return result;
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

static const JSCFunctionListEntry trees_functions[] = {
    JS_CFUNC_DEF("openReconcile", 1, reconcile_open_job),
    JS_CFUNC_DEF("reconcile", 2, reconcile_step),
    JS_CFUNC_DEF("closeReconcile", 1, reconcile_close_job),
    JS_CFUNC_DEF("extras", 3, extras_find),
    JS_CFUNC_DEF("finishDirectories", 2, directories_finish),
    JS_CFUNC_DEF("openVerify", 1, verify_open_job),
    JS_CFUNC_DEF("verify", 2, verify_step),
    JS_CFUNC_DEF("closeVerify", 1, verify_close_job),
    JS_CFUNC_DEF("openDigests", 1, digests_open),
    JS_CFUNC_DEF("findDigest", 2, digests_find),
    JS_CFUNC_DEF("closeDigests", 1, digests_close),
    JS_CFUNC_DEF("findLine", 2, find_line),
};

static int trees_prepare(JSContext *context, JSModuleDef *module) {
  (void)module;
  if (reconcile_prepare(context) || verify_prepare(context)) return -1;
  return digests_prepare(context);
}

MODULE_WITH(trees, trees_functions, trees_prepare)
