/* Gives up, one after the other, what the kernel can take; the table of native:confinement. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filter.h"
#include "landlock.h"
#include "module.h"
#include "own-mounts.h"
#include "privileges.h"
#include "words.h"

/* As confinement.d.ts has them. */
struct needs {
  char **read, *change;
  bool makes_trees, holds_disks;
};

/* The two lists that become a Confinement. */
struct outcome {
  JSContext *context;
  JSValue holds, lacks;
  uint32_t hold_count, lack_count;
  bool failed;
};

static void note(struct outcome *outcome, const char *what, int failure) {
  char text[160];
  if (failure) snprintf(text, sizeof text, "%s (%s)", what, strerror(failure));
  else snprintf(text, sizeof text, "%s", what);
  uint32_t index = failure ? outcome->lack_count++ : outcome->hold_count++;
  JSValue word = JS_NewString(outcome->context, text);
  if (JS_IsException(word) ||
      JS_DefinePropertyValueUint32(outcome->context, failure ? outcome->lacks : outcome->holds,
                                   index, word, JS_PROP_C_W_E) < 0) {
    outcome->failed = true;
  }
}

static void give_up_files(struct outcome *outcome, char *const *read, const char *change) {
  int version = landlock_version();
  char what[32] = "Landlock";
  if (version > 0) snprintf(what, sizeof what, "Landlock %d", version);
  if (version == 0) note(outcome, what, errno);
  else if (version < LANDLOCK_VERSION_MIN) note(outcome, what, EXDEV);
  else note(outcome, what, landlock_restrict(version, read, change));
}

/* In an order in which none takes away what the next one needs. */
static void give_up(struct outcome *outcome, const struct needs *needs) {
  char *const *read = needs->read;
  const char *change = needs->change;
  const enum work work = needs->makes_trees ? WORK_MAKES_TREES : change ? WORK_WRITES : WORK_READS;
  int failure = geteuid() == 0 ? own_mounts(change, read, needs->holds_disks) : 0;
  const char *what = failure == ENOTSUP
                         ? "all else read-only where mounts are private and a source is a folder"
                         : "all else read-only";
  if (geteuid() == 0) note(outcome, what, failure);
  failure = privileges_gain_none();
  note(outcome, "no new privileges", failure);
  if (!failure) give_up_files(outcome, read, change);
  note(outcome, "capabilities", privileges_drop(work));
  if (!failure) note(outcome, "seccomp", filter_install(change != NULL));
}

static JSValue confine(JSContext *context, const struct needs *needs) {
  JSValue result = JS_NewObject(context);
  struct outcome outcome = {context, JS_NewArray(context), JS_NewArray(context), 0, 0, false};
  if (JS_IsException(result) || JS_IsException(outcome.holds) || JS_IsException(outcome.lacks)) {
    outcome.failed = true;
  } else {
    give_up(&outcome, needs);
  }
  if (outcome.failed) JS_FreeValue(context, outcome.holds);
  else outcome.failed = set_property(context, result, "holds", outcome.holds);
  if (outcome.failed) JS_FreeValue(context, outcome.lacks);
  else outcome.failed = set_property(context, result, "lacks", outcome.lacks);
  if (!outcome.failed) return result;
  JS_FreeValue(context, result);
  return JS_EXCEPTION;
}

static NATIVE(confinement_confine) {
#ifdef __SANITIZE_ADDRESS__
  /* The sanitizers look at this process from a place of their own, by calls that are given up here. */
  return throw_system_error(context, "seccomp", NULL, ENOSYS);
#endif
  struct needs needs = {0};
  if (get_bool_property(context, arguments[0], "makesTrees", &needs.makes_trees) ||
      get_bool_property(context, arguments[0], "holdsDisks", &needs.holds_disks)) {
    return JS_EXCEPTION;
  }
  JSValue path = JS_GetPropertyStr(context, arguments[0], "change");
  if (JS_IsException(path)) return path;
  needs.read = words_from_js(context, arguments[0], "read");
  JSValue result = JS_EXCEPTION;
  if (needs.read && !JS_IsUndefined(path)) needs.change = bytes_from_js(context, path, NULL);
  if (needs.read && (needs.change || JS_IsUndefined(path))) result = confine(context, &needs);
  words_free(context, needs.read);
  js_free(context, needs.change);
  JS_FreeValue(context, path);
  return result;
}

static NATIVE(confinement_is_outdated) { return JS_NewBool(context, own_mounts_outdated()); }

static NATIVE(confinement_identity) {
  char *path = bytes_from_js(context, arguments[0], NULL);
  if (!path) return JS_EXCEPTION;
  struct stat status;
  bool there = stat(path, &status) == 0;
  js_free(context, path);
  if (!there) return JS_UNDEFINED;
  char text[64];
  int length = snprintf(text, sizeof text, "%llu:%llu", (unsigned long long)status.st_dev,
                        (unsigned long long)status.st_ino);
  return JS_NewStringLen(context, text, (size_t)length);
}

static const JSCFunctionListEntry confinement_functions[] = {
    JS_CFUNC_DEF("confine", 1, confinement_confine),
    JS_CFUNC_DEF("isOutdated", 0, confinement_is_outdated),
    JS_CFUNC_DEF("identity", 1, confinement_identity),
};

MODULE(confinement, confinement_functions)
