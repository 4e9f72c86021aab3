/*
 * Tells which entries of a tree are still as its manifest has them, one by one, for whoever shows the tree
 * to others: neither what was made there since nor what was edited is theirs to see.
 */
#include <errno.h>
#include <unistd.h>

#include "../files/entries.h"
#include "job-options.h"
#include "line-search.h"
#include "module.h"
#include "trees.h"

struct comparison {
  int manifest;
  struct tree tree;
  struct line_search search;
  /* The whole entry; the search holds only its path. */
  struct entry *entry;
};

static JSClassID comparison_class;

static void comparison_release(JSRuntime *runtime, struct comparison *comparison) {
  if (!comparison) return;
  line_search_release(runtime, &comparison->search);
  tree_close(&comparison->tree);
  if (comparison->manifest >= 0) close(comparison->manifest);
  js_free_rt(runtime, comparison->entry);
  js_free_rt(runtime, comparison);
}

static void comparison_finalize(JSRuntime *runtime, JSValue value) {
  comparison_release(runtime, JS_GetOpaque(value, comparison_class));
}

int comparison_prepare(JSContext *context) {
  static const JSClassDef definition = {"Comparison", .finalizer = comparison_finalize};
  return class_register(context, &comparison_class, &definition);
}

/* -1 with an exception. */
static int fill(JSContext *context, struct comparison *comparison, JSValueConst options) {
  if (live_option(context, options, &comparison->manifest, &comparison->tree)) return -1;
  if (comparison->manifest < 0) {
    JS_ThrowTypeError(context, "live is missing");
    return -1;
  }
  JSValue times = JS_GetPropertyStr(context, options, "times");
  int failed = JS_IsException(times) || disk_times_from_js(context, times, &comparison->tree.times);
  JS_FreeValue(context, times);
  if (failed) return -1;
  comparison->entry = js_malloc(context, sizeof *comparison->entry);
  if (!comparison->entry) return -1;
  return line_search_open(context, &comparison->search, comparison->manifest);
}

NATIVE(comparison_open) {
  struct comparison *comparison = js_mallocz(context, sizeof *comparison);
  if (!comparison) return JS_EXCEPTION;
  comparison->manifest = comparison->tree.root = comparison->tree.parent = -1;
  JSValue object = JS_EXCEPTION;
  if (fill(context, comparison, arguments[0]) == 0) {
    object = JS_NewObjectClass(context, (int)comparison_class);
  }
  if (JS_IsException(object)) comparison_release(JS_GetRuntime(context), comparison);
  else JS_SetOpaque(object, comparison);
  return object;
}

/* What is at the entry's path differs from it: 1, 0, or -1 with an exception. */
static int differs(JSContext *context, struct comparison *comparison) {
  struct tree *tree = &comparison->tree;
  const struct entry *entry = comparison->entry;
  struct stat status;
  const char *call = "stat";
  /* Since the last question somebody may have put another folder there. */
  tree_leave_parent(tree);
  int result = tree_stat(tree, entry, &status);
  if (result == 0) return 1;
  if (result > 0 && S_ISDIR(status.st_mode)) return entry->format != S_IFDIR;
  struct visit visit;
  visit_begin(&visit);
  if (result > 0) result = entry_differences(entry, tree, &status, &visit, false, &call);
  int failure = errno;
  if (visit_end(&visit) && result >= 0) {
    failure = errno;
    call = "fchdir";
    result = -1;
  }
  if (result >= 0) return result != 0;
  if (is_absence(failure)) return 1;
  throw_entry_error(context, call, entry, failure);
  return -1;
}

NATIVE(comparison_is_unchanged) {
  struct comparison *comparison = JS_GetOpaque2(context, arguments[0], comparison_class);
  size_t length;
  char *path = comparison ? bytes_from_js(context, arguments[1], &length) : NULL;
  if (!path) return JS_EXCEPTION;
  struct line_search *search = &comparison->search;
  enum search_result found = line_search(search, path, length);
  js_free(context, path);
  if (found == SEARCH_FAILED) return JS_EXCEPTION;
  if (found == SEARCH_ABSENT) return JS_FALSE;
  const struct manifest_reader *reader = search->reader;
  const char *problem = entry_parse(comparison->entry, reader->line, reader->line_length);
  if (problem) {
    throw_manifest_error(context, 0, reader->line, reader->line_length, problem);
    return JS_EXCEPTION;
  }
  int result = differs(context, comparison);
  return result < 0 ? JS_EXCEPTION : JS_NewBool(context, !result);
}

NATIVE(comparison_close) {
  struct comparison *comparison = JS_GetOpaque(arguments[0], comparison_class);
  if (!comparison) return JS_UNDEFINED;
  JS_SetOpaque(arguments[0], NULL);
  comparison_release(JS_GetRuntime(context), comparison);
  return JS_UNDEFINED;
}
