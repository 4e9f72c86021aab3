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

static JSValue options(bool dry_run, bool full, JSValueConst proof) {
  JSContext *context = fuzz_context();
  JSValue made = JS_NewObject(context), of_live = JS_NewObject(context);
  set_property(context, of_live, "manifest", JS_NewInt32(context, live_manifest_file));
  set_property(context, of_live, "root", JS_NewInt32(context, live));
  set_property(context, made, "manifest", JS_NewInt32(context, manifest_file));
  set_property(context, made, "tree", JS_NewInt32(context, tree));
  set_property(context, made, "live", of_live);
  set_property(context, made, "dryRun", JS_NewBool(context, dry_run));
  set_property(context, made, "full", JS_NewBool(context, full));
  set_property(context, made, "proof", JS_DupValue(context, proof));
  return made;
}

/* What the last step of a job said, and the failures of all; `threw`: it ended with an exception. */
struct outcome {
  bool threw, doubtful;
  int64_t entries, undone, failures;
};

struct job {
  JSCFunction *open, *step, *close;
  bool verifies;
};
static const struct job reconciling = {reconcile_open_job, reconcile_step, reconcile_close_job,
                                       false},
                        verifying = {verify_open_job, verify_step, verify_close_job, true};

static int64_t number_of(JSValueConst object, const char *name) {
  int64_t value = 0;
  CHECK(get_int64_property(fuzz_context(), object, name, &value) == 0);
  return value;
}

/* Whether it is done. */
static bool take_step(const struct job *job, JSValueConst step, struct outcome *outcome) {
  JSContext *context = fuzz_context();
  bool done;
  CHECK(get_bool_property(context, step, "done", &done) == 0);
  outcome->entries = number_of(step, "entries");
  if (job->verifies) {
    JSValue failures = JS_GetPropertyStr(context, step, "failures");
    outcome->failures += number_of(failures, "length");
    JS_FreeValue(context, failures);
    CHECK(get_bool_property(context, step, "doubtful", &outcome->doubtful) == 0);
  } else {
    outcome->undone = number_of(step, "undoneFiles");
  }
  return done || outcome->doubtful;
}

/* Runs a job to its end. Takes the options. */
static struct outcome run_job(const struct job *job, JSValue wish) {
  JSContext *context = fuzz_context();
  struct outcome outcome = {0};
  JSValue object = fuzz_call(job->open, 1, &wish);
  CHECK(!JS_IsException(object));
  JSValueConst arguments[] = {object, JS_NewInt32(context, 3)};
  for (bool done = false; !done;) {
    JSValue step = fuzz_call(job->step, 2, arguments);
    outcome.threw = JS_IsException(step);
    done = outcome.threw || take_step(job, step, &outcome);
    fuzz_drop(step);
  }
  fuzz_drop(fuzz_call(job->close, 1, &object));
  fuzz_drop(object);
  fuzz_drop(wish);
  return outcome;
}

static void finish_directories(JSValueConst proof) {
  JSContext *context = fuzz_context();
  JSValueConst arguments[] = {JS_NewInt32(context, manifest_file), JS_NewInt32(context, tree),
                              JS_UNDEFINED, proof};
  fuzz_drop(fuzz_call(directories_finish, 4, arguments));
}

/* What a proof spares a verification is right: without it, no more is found wrong. */
static void build_with_proof(void) {
  JSContext *context = fuzz_context();
  JSValueConst arguments[] = {JS_NewInt32(context, tree), JS_UNDEFINED};
  JSValue proof = fuzz_call(proof_open, 2, arguments);
  CHECK(!JS_IsException(proof));
  struct outcome built = run_job(&reconciling, options(false, false, proof));
  if (!built.threw) {
    finish_directories(proof);
    struct outcome spared = run_job(&verifying, options(false, false, proof));
    struct outcome whole = run_job(&verifying, options(false, false, JS_UNDEFINED));
    if (!spared.doubtful) {
      CHECK(spared.threw == whole.threw);
      CHECK(spared.threw || spared.failures == whole.failures);
    }
    /* To build it again leaves the same undone. */
    struct outcome again = run_job(&reconciling, options(false, false, JS_UNDEFINED));
    CHECK(!again.threw && again.undone == built.undone && again.entries == built.entries);
  }
  fuzz_drop(fuzz_call(proof_close, 1, &proof));
  fuzz_drop(proof);
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
  CHECK(proof_prepare(context) == 0);
  struct input input = {bytes, count};
  struct input target = input_cut(&input, 0);
  memory_file(&manifest_file, target.bytes, target.count);
  memory_file(&live_manifest_file, input.bytes, input.count);
  fuzz_empty(tree);
  run_job(&reconciling, options(true, false, JS_UNDEFINED));
  build_with_proof();
  look_for_extras(false);
  run_job(&verifying, options(false, true, JS_UNDEFINED));
  look_for_extras(true);
  fuzz_empty(tree);
  check_live();
  CHECK(budget_manifest.held == 0);
  return 0;
}
