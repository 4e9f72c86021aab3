/*
 * Brings a tree towards its manifest, entry by entry, from what the live tree has: the job. What becomes of
 * each entry is in placement.c.
 */
#include <errno.h>

#include "job-options.h"
#include "module.h"
#include "placement.h"
#include "trees.h"

/* Content copied in one step, so that progress can be shown in between (bytes). */
#define STEP_BYTES (16 * 1024 * 1024)
/* Lines left in one step: as many of usual ones as anybody asks for, and few where each is long (bytes). */
#define STEP_LINES_LENGTH ((size_t)512 * 1024)

static JSClassID reconcile_class;

static void reconcile_release(JSRuntime *runtime, struct reconcile *job) {
  walk_release(runtime, &job->walk);
  inode_set_release(&job->inodes);
  proof_release(runtime, job->proof);
  js_free_rt(runtime, job);
}

static void reconcile_finalize(JSRuntime *runtime, JSValue value) {
  struct reconcile *job = JS_GetOpaque(value, reconcile_class);
  if (job) reconcile_release(runtime, job);
}

int reconcile_prepare(JSContext *context) {
  static const JSClassDef definition = {"ReconcileJob", .finalizer = reconcile_finalize};
  return class_register(context, &reconcile_class, &definition);
}

/* -1 with an exception; the caller releases what was opened until then. */
static int reconcile_fill(JSContext *context, struct reconcile *job, JSValueConst options) {
  if (walk_open(context, &job->walk, options)) return -1;
  if (get_bool_property(context, options, "dryRun", &job->dry_run) ||
      get_bool_property(context, options, "unseen", &job->unseen) ||
      proof_option(context, options, &job->proof)) {
    return -1;
  }
  bool has_all = job->walk.tree.root >= 0 && !job->unseen;
  if (has_all || job->dry_run) return 0;
  JS_ThrowTypeError(context, "only a dry run can do without a tree, or a look at the live one");
  return -1;
}

NATIVE(reconcile_open_job) {
  struct reconcile *job = js_mallocz(context, sizeof *job);
  if (!job) return JS_EXCEPTION;
  JSValue object = JS_UNDEFINED;
  if (reconcile_fill(context, job, arguments[0]) == 0) {
    object = JS_NewObjectClass(context, (int)reconcile_class);
    if (!JS_IsException(object)) {
      JS_SetOpaque(object, job);
      return object;
    }
  }
  reconcile_release(JS_GetRuntime(context), job);
  return JS_EXCEPTION;
}

static int run(JSContext *context, struct reconcile *job, int64_t entries_max,
               JSValueConst undone) {
  int64_t copied_before = job->copied_bytes;
  job->lines_length = 0;
  for (int64_t i = 0; i < entries_max && !job->walk.done; i++) {
    if (!job->dry_run && job->copied_bytes - copied_before >= STEP_BYTES) return 0;
    if (job->lines_length >= STEP_LINES_LENGTH) return 0;
    enum read_result result = manifest_next(context, job->walk.reader, job->walk.entry);
    if (result == READ_FAILED) return -1;
    job->walk.done = result == READ_END;
    if (job->walk.done) return groups_finish(context, &job->walk.groups);
    if (place_entry(context, job, undone)) return -1;
  }
  return 0;
}

static JSValue describe(JSContext *context, const struct reconcile *job, JSValue undone) {
  static const char *const names[] = {"entries",     "linked",     "linkedBytes", "made",
                                      "kept",        "copied",     "copiedBytes", "undoneFiles",
                                      "undoneBytes", "pathsLength"};
  const int64_t values[] = {(int64_t)job->walk.reader->entries,
                            job->linked,
                            job->linked_bytes,
                            job->made,
                            job->kept,
                            job->copied,
                            job->copied_bytes,
                            job->undone_files,
                            job->undone_bytes,
                            job->walk.reader->paths_length};
  JSValue step = JS_NewObject(context);
  if (JS_IsException(step)) {
    JS_FreeValue(context, undone);
    return step;
  }
  int failed = set_property(context, step, "undone", undone) ||
               set_property(context, step, "done", JS_NewBool(context, job->walk.done));
  if (!failed && !set_numbers(context, step, names, values, COUNT_OF(names))) return step;
  JS_FreeValue(context, step);
  return JS_EXCEPTION;
}

NATIVE(reconcile_step) {
  struct reconcile *job = JS_GetOpaque2(context, arguments[0], reconcile_class);
  int64_t entries_max;
  if (!job || JS_ToInt64(context, &entries_max, arguments[1])) return JS_EXCEPTION;
  JSValue undone = JS_NewArray(context);
  if (JS_IsException(undone)) return undone;
  visit_begin(&job->walk.visit);
  int failed = run(context, job, entries_max, undone);
  if (visit_end(&job->walk.visit) && !failed) {
    throw_system_error(context, "fchdir", ".", errno);
    failed = -1;
  }
  if (!failed) return describe(context, job, undone);
  JS_FreeValue(context, undone);
  return JS_EXCEPTION;
}

NATIVE(reconcile_close_job) {
  struct reconcile *job = JS_GetOpaque(arguments[0], reconcile_class);
  if (!job) return JS_UNDEFINED;
  JS_SetOpaque(arguments[0], NULL);
  reconcile_release(JS_GetRuntime(context), job);
  return JS_UNDEFINED;
}
