/* native:packs as JavaScript sees it: arguments, results and faults. What a pack is, its parts know. */
#include <math.h>
#include <string.h>

#include "../checksums/content.h"
#include "../checksums/hash.h"
#include "budget.h"
#include "module.h"
#include "pack.h"

static JSClassID pack_class;

/* What a Pack holds. */
struct held_pack {
  struct pack *pack;
  /* It was wrong, or the files can be read. */
  bool failed, has_files;
};

static void held_free(struct held_pack *held) {
  if (held) pack_close(held->pack);
  budget_free(&budget_pack, held);
}

static void pack_finalize(UNUSED JSRuntime *runtime, JSValue value) {
  held_free(JS_GetOpaque(value, pack_class));
}

static JSValue throw_fault(JSContext *context, const struct fault *fault) {
  if (fault->kind == FAULT_TOKEN) {
    return throw_named_error(context, "PackError", "%s", fault->message);
  }
  if (fault->kind == FAULT_SYSTEM) {
    return throw_system_error(context, fault->call, NULL, fault->saved_errno);
  }
  return JS_ThrowOutOfMemory(context);
}

/* The same; after it the pack can only be closed. */
static JSValue fail(JSContext *context, struct held_pack *held, const struct fault *fault) {
  held->failed = true;
  return throw_fault(context, fault);
}

/* NULL with an exception. */
static struct held_pack *pack_from_js(JSContext *context, JSValueConst value, bool with_files) {
  struct held_pack *held = JS_GetOpaque(value, pack_class);
  const char *problem = NULL;
  if (!held) {
    problem = "no open pack";
  } else if (held->failed) {
    problem = "the pack failed before";
  } else if (with_files && !held->has_files) {
    problem = "the pack's index was not read";
  }
  if (!problem) return held;
  JS_ThrowTypeError(context, "%s", problem);
  return NULL;
}

/* A handle, or -1 for undefined where that may be. */
static int fd_from_js(JSContext *context, JSValueConst value, bool may_lack, int *fd) {
  *fd = -1;
  if (may_lack && JS_IsUndefined(value)) return 0;
  if (JS_ToInt32(context, fd, value)) return -1;
  if (*fd >= 0) return 0;
  JS_ThrowTypeError(context, "no handle");
  return -1;
}

static NATIVE(packs_open) {
  struct fault fault;
  int fd;
  if (fd_from_js(context, arguments[0], false, &fd)) return JS_EXCEPTION;
  const char *name = JS_ToCString(context, arguments[1]);
  if (!name) return JS_EXCEPTION;
  JSValue object = JS_NewObjectClass(context, (int)pack_class);
  struct held_pack *held =
      JS_IsException(object) ? NULL : budget_take(&budget_pack, 1, sizeof *held);
  if (held) held->pack = pack_open(fd, name);
  JS_FreeCString(context, name);
  if (JS_IsException(object)) return object;
  if (held && held->pack) {
    JS_SetOpaque(object, held);
    return object;
  }
  fault_memory(&fault, &budget_pack);
  held_free(held);
  JS_FreeValue(context, object);
  return throw_fault(context, &fault);
}

static JSValue new_outcome(JSContext *context, int64_t size, const char *digest) {
  JSValue object = JS_NewObject(context);
  if (JS_IsException(object)) return object;
  set_property(context, object, "size", JS_NewInt64(context, size));
  set_property(context, object, "digest", JS_NewString(context, digest));
  return object;
}

static NATIVE(packs_rebuild_manifest) {
  struct held_pack *held = pack_from_js(context, arguments[0], false);
  struct file_result result;
  struct fault fault;
  int old_fd, target;
  double size_max;
  if (!held || fd_from_js(context, arguments[1], true, &old_fd) ||
      fd_from_js(context, arguments[2], false, &target) ||
      JS_ToFloat64(context, &size_max, arguments[3])) {
    return JS_EXCEPTION;
  }
  held->has_files = false;
  int made = pack_rebuild_manifest(held->pack, old_fd, target, content_size_max(size_max), &result,
                                   &fault);
  if (made < 0) return fail(context, held, &fault);
  return made ? new_outcome(context, result.size, result.digest) : JS_UNDEFINED;
}

static int manifest_from_js(JSContext *context, JSValueConst object, const char *name,
                            bool may_lack, int *fd) {
  JSValue value = JS_GetPropertyStr(context, object, name);
  if (JS_IsException(value)) return -1;
  int failed = fd_from_js(context, value, may_lack, fd);
  JS_FreeValue(context, value);
  return failed;
}

static NATIVE(packs_open_files) {
  struct held_pack *held = pack_from_js(context, arguments[0], false);
  struct fault fault;
  int old_fd, new_fd;
  if (!held || manifest_from_js(context, arguments[1], "old", true, &old_fd) ||
      manifest_from_js(context, arguments[1], "new", false, &new_fd)) {
    return JS_EXCEPTION;
  }
  int read = pack_open_files(held->pack, old_fd, new_fd, &fault);
  if (read < 0) return fail(context, held, &fault);
  held->has_files = read;
  return JS_NewBool(context, read);
}

static NATIVE(packs_next_stretch) {
  struct held_pack *held = pack_from_js(context, arguments[0], true);
  struct pack_stretch stretch;
  if (!held) return JS_EXCEPTION;
  if (!pack_next_stretch(held->pack, &stretch)) return JS_UNDEFINED;
  JSValue object = JS_NewObject(context);
  if (JS_IsException(object)) return object;
  bool last = stretch.next_entry < 0;
  set_property(context, object, "start", JS_NewInt64(context, stretch.start));
  set_property(context, object, "end", JS_NewInt64(context, stretch.end));
  set_property(context, object, "first", JS_NewInt64(context, stretch.first_entry));
  set_property(context, object, "next",
               last ? JS_NewFloat64(context, INFINITY) : JS_NewInt64(context, stretch.next_entry));
  return object;
}

static JSValue new_base(JSContext *context, const struct packed_file *file) {
  if (!(file->record.flags & RECORD_BASE)) return JS_UNDEFINED;
  JSValue object = JS_NewObject(context);
  if (JS_IsException(object)) return object;
  const char *tree = file->record.flags & RECORD_BASE_NEW ? "new" : "old";
  set_property(context, object, "tree", JS_NewString(context, tree));
  set_property(context, object, "path",
               bytes_to_js(context, file->base_path, strlen(file->base_path)));
  return object;
}

static NATIVE(packs_next_file) {
  struct held_pack *held = pack_from_js(context, arguments[0], true);
  const struct packed_file *file;
  struct fault fault;
  if (!held) return JS_EXCEPTION;
  int there = pack_next_file(held->pack, &file, &fault);
  if (there < 0) return fail(context, held, &fault);
  if (there == 0) return JS_UNDEFINED;
  char digest[2 * DIGEST_SIZE + 1];
  hash_hex(file->digest, DIGEST_SIZE, digest);
  JSValue object = new_outcome(context, file->size, digest);
  if (JS_IsException(object)) return object;
  bool teaches = file->record.flags & RECORD_MODULE;
  set_property(context, object, "entry", JS_NewInt64(context, file->record.entry));
  set_property(context, object, "path", bytes_to_js(context, file->path, strlen(file->path)));
  set_property(context, object, "base", new_base(context, file));
  set_property(context, object, "teaches", JS_NewBool(context, teaches));
  return object;
}

static NATIVE(packs_apply_file) {
  struct held_pack *held = pack_from_js(context, arguments[0], true);
  struct file_result result;
  struct fault fault;
  int base, target;
  if (!held || fd_from_js(context, arguments[1], true, &base) ||
      fd_from_js(context, arguments[2], true, &target)) {
    return JS_EXCEPTION;
  }
  if (!pack_has_file(held->pack)) return JS_ThrowTypeError(context, "no file is to be made");
  if (pack_make_file(held->pack, base, target, &result, &fault)) return fail(context, held, &fault);
  if (result.reason[0] == 0) return new_outcome(context, result.size, result.digest);
  JSValue object = JS_NewObject(context);
  if (JS_IsException(object)) return object;
  set_property(context, object, "failed", JS_NewString(context, "base"));
  set_property(context, object, "reason", JS_NewString(context, result.reason));
  return object;
}

static NATIVE(packs_close) {
  struct held_pack *held = JS_GetOpaque(arguments[0], pack_class);
  if (!held) return JS_UNDEFINED;
  JS_SetOpaque(arguments[0], NULL);
  held_free(held);
  return JS_UNDEFINED;
}

static int packs_prepare(JSContext *context, UNUSED JSModuleDef *module) {
  static const JSClassDef definition = {"Pack", .finalizer = pack_finalize};
  return class_register(context, &pack_class, &definition);
}

static const JSCFunctionListEntry packs_functions[] = {
    JS_CFUNC_DEF("openPack", 2, packs_open),
    JS_CFUNC_DEF("rebuildManifest", 4, packs_rebuild_manifest),
    JS_CFUNC_DEF("openFiles", 2, packs_open_files),
    JS_CFUNC_DEF("nextStretch", 1, packs_next_stretch),
    JS_CFUNC_DEF("nextFile", 1, packs_next_file),
    JS_CFUNC_DEF("applyFile", 3, packs_apply_file),
    JS_CFUNC_DEF("closePack", 1, packs_close),
};

MODULE_WITH(packs, packs_functions, packs_prepare)
