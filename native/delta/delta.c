/*
 * native:delta as JavaScript sees it: turns arguments and faults between JavaScript and the parts
 * (block-sums, rebuild), which know nothing of it. The file list's half is in delta-list.c.
 */
#include <errno.h>

#include "../checksums/content.h"
#include "block-sums.h"
#include "budget.h"
#include "delta-fault.h"
#include "delta-list.h"
#include "delta-values.h"
#include "module.h"
#include "rebuild.h"

static JSClassID rebuilder_class;

static void rebuilder_finalize(UNUSED JSRuntime *runtime, JSValue value) {
  rebuilder_close(JS_GetOpaque(value, rebuilder_class));
}

static NATIVE(delta_block_sums) {
  struct sum_head head;
  struct fault fault;
  enum hash_kind kind;
  int32_t basis, seed;
  int64_t first, wanted;
  if (JS_ToInt32(context, &basis, arguments[0]) || sum_head_from_js(context, arguments[1], &head) ||
      JS_ToInt64(context, &first, arguments[2]) || JS_ToInt64(context, &wanted, arguments[3]) ||
      hash_kind_from_js(context, arguments[4], &kind) || JS_ToInt32(context, &seed, arguments[5])) {
    return JS_EXCEPTION;
  }
  if (first < 0 || wanted < 0 || wanted > head.count || first > head.count - wanted) {
    return JS_ThrowRangeError(context, "blocks %lld + %lld of %lld", (long long)first,
                              (long long)wanted, (long long)head.count);
  }
  if ((size_t)head.strong_length > hash_length(kind)) {
    return JS_ThrowRangeError(context, "the hash has %zu bytes, not %lld", hash_length(kind),
                              (long long)head.strong_length);
  }
  uint64_t size = (uint64_t)wanted * (uint64_t)(4 + head.strong_length);
  if (size > INT32_MAX) return JS_ThrowRangeError(context, "too many sums at once");
  uint8_t *sums = js_malloc(context, (size_t)size + 1);
  if (!sums) return JS_EXCEPTION;
  JSValue result;
  if (block_sums(basis, &head, first, wanted, kind, seed, sums, &fault)) {
    result = delta_throw_fault(context, &fault);
  } else {
    result = buffer_new(context, sums, (size_t)size);
  }
  js_free(context, sums);
  return result;
}

static NATIVE(delta_open_rebuilder) {
  enum hash_kind kind;
  enum compression compression;
  if (compression_from_js(context, arguments[0], &compression) ||
      hash_kind_from_js(context, arguments[1], &kind)) {
    return JS_EXCEPTION;
  }
  JSValue object = JS_NewObjectClass(context, (int)rebuilder_class);
  if (JS_IsException(object)) return object;
  struct rebuilder *rebuilder = rebuilder_open(compression, kind);
  if (!rebuilder) {
    struct fault fault;
    JS_FreeValue(context, object);
    fault_memory(&fault, &budget_source);
    return delta_throw_fault(context, &fault);
  }
  JS_SetOpaque(object, rebuilder);
  return object;
}

/* The rebuilder, which must not be in the `wrong` state; NULL with an exception. */
static struct rebuilder *rebuilder_from_js(JSContext *context, JSValueConst value,
                                           unsigned allowed_states) {
  static const char *const states[] = {"no file was begun", "the file has not ended",
                                       "the file has ended", "the rebuilder failed before"};
  struct rebuilder *rebuilder = JS_GetOpaque(value, rebuilder_class);
  if (!rebuilder) {
    JS_ThrowTypeError(context, "no open rebuilder");
    return NULL;
  }
  enum rebuild_state state = rebuilder_state(rebuilder);
  if (allowed_states & 1u << state) return rebuilder;
  JS_ThrowTypeError(context, "%s", states[state]);
  return NULL;
}

/* An Fd property; -1 if it is undefined and may be. */
static int fd_from_js(JSContext *context, JSValueConst object, const char *name, bool may_lack,
                      int *fd) {
  JSValue value = JS_GetPropertyStr(context, object, name);
  if (JS_IsException(value)) return -1;
  *fd = -1;
  if (JS_IsUndefined(value) && may_lack) return 0;
  int failed = JS_ToInt32(context, fd, value);
  JS_FreeValue(context, value);
  if (failed) return -1;
  if (*fd >= 0) return 0;
  JS_ThrowTypeError(context, "%s is not a handle", name);
  return -1;
}

static NATIVE(delta_begin_file) {
  struct rebuilder *rebuilder = rebuilder_from_js(context, arguments[0], 1u << REBUILD_IDLE);
  if (!rebuilder) return JS_EXCEPTION;
  struct rebuild_plan plan;
  struct fault fault;
  double size_max;
  JSValue head = JS_GetPropertyStr(context, arguments[1], "head");
  if (JS_IsException(head)) return head;
  int failed = sum_head_from_js(context, head, &plan.head);
  JS_FreeValue(context, head);
  if (failed || fd_from_js(context, arguments[1], "basis", true, &plan.basis) ||
      fd_from_js(context, arguments[1], "target", false, &plan.target)) {
    return JS_EXCEPTION;
  }
  JSValue limit = JS_GetPropertyStr(context, arguments[1], "sizeMax");
  if (JS_IsException(limit)) return limit;
  failed = JS_ToFloat64(context, &size_max, limit);
  JS_FreeValue(context, limit);
  if (failed) return JS_EXCEPTION;
  plan.size_max = content_size_max(size_max);
  if (rebuilder_begin(rebuilder, &plan, &fault)) return delta_throw_fault(context, &fault);
  return JS_UNDEFINED;
}

static NATIVE(delta_feed) {
  struct fault fault;
  uint8_t *bytes;
  size_t length;
  struct rebuilder *rebuilder =
      rebuilder_from_js(context, arguments[0], 1u << REBUILD_RUNNING | 1u << REBUILD_ENDED);
  if (!rebuilder) return JS_EXCEPTION;
  if (buffer_window(context, arguments[1], arguments[2], arguments[3], &bytes, &length)) {
    return JS_EXCEPTION;
  }
  ssize_t used = rebuilder_feed(rebuilder, bytes, length, &fault);
  return used < 0 ? delta_throw_fault(context, &fault) : JS_NewInt64(context, used);
}

static NATIVE(delta_ended) {
  struct rebuilder *rebuilder = rebuilder_from_js(context, arguments[0], ~0u);
  if (!rebuilder) return JS_EXCEPTION;
  return JS_NewBool(context, rebuilder_state(rebuilder) == REBUILD_ENDED);
}

static NATIVE(delta_finish_file) {
  struct rebuilder *rebuilder = rebuilder_from_js(context, arguments[0], 1u << REBUILD_ENDED);
  if (!rebuilder) return JS_EXCEPTION;
  struct rebuild_result made;
  rebuilder_finish(rebuilder, &made);
  JSValue result = JS_NewObject(context);
  if (JS_IsException(result)) return result;
  set_property(context, result, "size", JS_NewInt64(context, made.size));
  set_property(context, result, "literal", JS_NewInt64(context, made.literal));
  set_property(context, result, "checksum",
               buffer_new(context, made.checksum, made.checksum_length));
  set_property(context, result, "digest", JS_NewString(context, made.digest));
  return result;
}

static NATIVE(delta_abandon_file) {
  struct fault fault;
  int64_t size;
  struct rebuilder *rebuilder = rebuilder_from_js(context, arguments[0], ~0u);
  if (!rebuilder) return JS_EXCEPTION;
  if (rebuilder_abandon(rebuilder, &size, &fault)) return delta_throw_fault(context, &fault);
  return JS_NewInt64(context, size);
}

static NATIVE(delta_close_rebuilder) {
  struct rebuilder *rebuilder = JS_GetOpaque(arguments[0], rebuilder_class);
  if (!rebuilder) return JS_UNDEFINED;
  JS_SetOpaque(arguments[0], NULL);
  rebuilder_close(rebuilder);
  return JS_UNDEFINED;
}

static NATIVE(delta_copy_whole) {
  int32_t source, target;
  double size_max;
  if (JS_ToInt32(context, &source, arguments[0]) || JS_ToInt32(context, &target, arguments[1]) ||
      JS_ToFloat64(context, &size_max, arguments[2])) {
    return JS_EXCEPTION;
  }
  if (target < 0) return JS_ThrowTypeError(context, "target is not a handle");
  int64_t size;
  char digest[65];
  const char *call;
  if (content_digest(source, target, content_size_max(size_max), &size, digest, &call)) {
    int saved_errno = errno;
    return throw_system_error(context, call, NULL, saved_errno);
  }
  JSValue result = JS_NewObject(context);
  if (JS_IsException(result)) return result;
  set_property(context, result, "size", JS_NewInt64(context, size));
  set_property(context, result, "digest", JS_NewString(context, digest));
  return result;
}

static int delta_prepare(JSContext *context, UNUSED JSModuleDef *module) {
  static const JSClassDef definition = {"Rebuilder", .finalizer = rebuilder_finalize};
  if (class_register(context, &rebuilder_class, &definition)) return -1;
  return delta_list_prepare(context);
}

static const JSCFunctionListEntry delta_functions[] = {
    JS_CFUNC_DEF("blockSums", 6, delta_block_sums),
    JS_CFUNC_DEF("openRebuilder", 2, delta_open_rebuilder),
    JS_CFUNC_DEF("beginFile", 2, delta_begin_file),
    JS_CFUNC_DEF("feed", 4, delta_feed),
    JS_CFUNC_DEF("ended", 1, delta_ended),
    JS_CFUNC_DEF("finishFile", 1, delta_finish_file),
    JS_CFUNC_DEF("abandonFile", 1, delta_abandon_file),
    JS_CFUNC_DEF("closeRebuilder", 1, delta_close_rebuilder),
    JS_CFUNC_DEF("copyWhole", 3, delta_copy_whole),
    JS_CFUNC_DEF("openFileList", 1, delta_open_file_list),
    JS_CFUNC_DEF("feedList", 4, delta_feed_list),
    JS_CFUNC_DEF("listEnded", 1, delta_list_ended),
    JS_CFUNC_DEF("listSummary", 1, delta_list_summary),
    JS_CFUNC_DEF("findListed", 2, delta_find_listed),
    JS_CFUNC_DEF("listedAt", 2, delta_listed_at),
    JS_CFUNC_DEF("closeFileList", 1, delta_close_file_list),
};

MODULE_WITH(delta, delta_functions, delta_prepare)
