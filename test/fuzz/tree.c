/*
 * A tree built by a manifest beside a live one (native/trees), as staging and verification do it: whatever the
 * manifest says, the live tree stays as it was, nothing is made outside, and what was put in place is found
 * right when it is looked at again.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../native/trees/trees.h"
#include "budget.h"
#include "support/fuzz.h"
#include "support/tree.h"
#include "values.h"

/* The live tree's own manifest begins like this; an input adds to it. */
static int manifest_file = -1, live_manifest_file = -1, live = -1, tree = -1;

static void make_live(void) {
  live = fuzz_folder("live");
  tree = fuzz_folder("tree");
  CHECK(mkdirat(live, "etc", 0755) == 0);
  int fd = openat(live, "etc/passwd", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  CHECK(fd >= 0 && write(fd, "abc", 3) == 3);
  struct timespec times[2] = {{5, 0}, {5, 0}};
  CHECK(futimens(fd, times) == 0 && close(fd) == 0);
  CHECK(linkat(live, "etc/passwd", live, "etc/two", 0) == 0);
  CHECK(symlinkat("/etc", live, "out") == 0);
}

/* What must not change: the live file's content and metadata. */
static void check_live(void) {
  struct stat status;
  char content[4];
  int fd = openat(live, "etc/passwd", O_RDONLY | O_CLOEXEC);
  CHECK(fd >= 0 && read(fd, content, sizeof content) == 3 && memcmp(content, "abc", 3) == 0);
  CHECK(fstat(fd, &status) == 0 && close(fd) == 0);
  CHECK(status.st_mode == (S_IFREG | 0644) && status.st_uid == 0 && status.st_mtim.tv_sec == 5);
}

static JSValue options(bool dry_run) {
  JSContext *context = fuzz_context();
  JSValue made = JS_NewObject(context), of_live = JS_NewObject(context);
  set_property(context, of_live, "manifest", JS_NewInt32(context, live_manifest_file));
  set_property(context, of_live, "root", JS_NewInt32(context, live));
  set_property(context, made, "manifest", JS_NewInt32(context, manifest_file));
  set_property(context, made, "tree", JS_NewInt32(context, tree));
  set_property(context, made, "live", of_live);
  set_property(context, made, "dryRun", JS_NewBool(context, dry_run));
  set_property(context, made, "full", JS_TRUE);
  return made;
}

static int64_t number_of(JSValueConst step, const char *name) {
  int64_t value = 0;
  CHECK(get_int64_property(fuzz_context(), step, name, &value) == 0);
  return value;
}

/* Runs a job to its end. -1: an exception; else how many entries it looked at, less those in `done_in`. */
static int64_t run_job(JSCFunction *open_job, JSCFunction *step_job, JSCFunction *close_job,
                       bool dry_run, const char *done_in) {
  JSContext *context = fuzz_context();
  JSValue wish = options(dry_run), job = fuzz_call(open_job, 1, &wish);
  CHECK(!JS_IsException(job));
  JSValueConst arguments[] = {job, JS_NewInt32(context, 3)};
  int64_t left = -1;
  for (bool done = false; !done;) {
    JSValue step = fuzz_call(step_job, 2, arguments);
    done = JS_IsException(step);
    left = done ? -1 : number_of(step, "entries") - (done_in ? number_of(step, done_in) : 0);
    if (!done) CHECK(get_bool_property(context, step, "done", &done) == 0);
    fuzz_drop(step);
  }
  fuzz_drop(fuzz_call(close_job, 1, &job));
  fuzz_drop(job);
  fuzz_drop(wish);
  return left;
}

static int64_t reconcile(bool dry_run, const char *done_in) {
  return run_job(reconcile_open_job, reconcile_step, reconcile_close_job, dry_run, done_in);
}

static void look_for_extras(bool remove) {
  JSContext *context = fuzz_context();
  JSValue wish = JS_NewObject(context);
  set_property(context, wish, "remove", JS_NewBool(context, remove));
  set_property(context, wish, "pathsMax", JS_NewInt32(context, 5));
  JSValueConst arguments[] = {JS_NewInt32(context, manifest_file), JS_NewInt32(context, tree),
                              wish};
  fuzz_drop(fuzz_call(extras_find, 3, arguments));
  fuzz_drop(wish);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  JSContext *context = fuzz_context();
  if (live < 0) make_live();
  CHECK(reconcile_prepare(context) == 0 && verify_prepare(context) == 0);
  struct input input = {bytes, count};
  struct input target = input_cut(&input, 0);
  memory_file(&manifest_file, target.bytes, target.count);
  memory_file(&live_manifest_file, input.bytes, input.count);
  fuzz_empty(tree);
  int64_t planned = reconcile(true, NULL);
  int64_t looked_at = reconcile(false, NULL);
  if (looked_at >= 0) {
    CHECK(planned == looked_at);
    JSValueConst arguments[] = {JS_NewInt32(context, manifest_file), JS_NewInt32(context, tree),
                                JS_UNDEFINED};
    fuzz_drop(fuzz_call(directories_finish, 3, arguments));
    int64_t first = reconcile(false, "undoneFiles");
    CHECK(reconcile(false, "undoneFiles") == first);
  }
  look_for_extras(false);
  run_job(verify_open_job, verify_step, verify_close_job, false, NULL);
  look_for_extras(true);
  fuzz_empty(tree);
  check_live();
  CHECK(budget_manifest.held == 0);
  return 0;
}
