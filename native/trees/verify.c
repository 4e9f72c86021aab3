/*
 * Checks a tree against its manifest: metadata of every entry, and content. It only reads. Since it has the
 * last word before a tree may be booted, whatever it can't check is an error.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nettle/sha2.h>

#include "../files/damage.h"
#include "budget.h"
#include "failures.h"
#include "job-options.h"
#include "module.h"
#include "owners.h"
#include "proof.h"
#include "trees.h"
#include "walk.h"

/* Content of one step, so that progress can be shown in between (bytes). */
#define STEP_BYTES (16 * 1024 * 1024)
/* What is told of one step: each with a path of at most 4 KiB, and as long texts. */
#define STEP_FAILURES 64
/* One read: large enough that the calls cost nothing, small enough to stay in the cache (bytes). */
#define CHUNK_LENGTH (256 * 1024)

struct verify {
  struct walk walk;
  bool full;
  /* What was looked at before, or NULL; and whether it turned out that it can't be relied on. */
  struct proof *proof;
  bool doubtful;
  struct owners owners;
  uint8_t *chunk;
  int64_t bytes;
};

static JSClassID verify_class;

static void verify_release(JSRuntime *runtime, struct verify *job) {
  walk_release(runtime, &job->walk);
  js_free_rt(runtime, job->chunk);
  owners_release(&job->owners);
  proof_release(runtime, job->proof);
  js_free_rt(runtime, job);
}

static void verify_finalize(JSRuntime *runtime, JSValue value) {
  struct verify *job = JS_GetOpaque(value, verify_class);
  if (job) verify_release(runtime, job);
}

int verify_prepare(JSContext *context) {
  static const JSClassDef definition = {"VerifyJob", .finalizer = verify_finalize};
  return class_register(context, &verify_class, &definition);
}

/* -1 with an exception; the caller releases what was opened until then. */
static int verify_fill(JSContext *context, struct verify *job, JSValueConst options) {
  if (walk_open(context, &job->walk, options)) return -1;
  if (get_bool_property(context, options, "full", &job->full) ||
      proof_option(context, options, &job->proof)) {
    return -1;
  }
  if (job->walk.tree.root < 0) {
    JS_ThrowTypeError(context, "tree is missing");
    return -1;
  }
  if (job->full && job->proof) {
    JS_ThrowTypeError(context, "who checks in full relies on no proof");
    return -1;
  }
  job->chunk = js_malloc(context, CHUNK_LENGTH);
  return job->chunk ? 0 : -1;
}

NATIVE(verify_open_job) {
  struct verify *job = js_mallocz(context, sizeof *job);
  if (!job) return JS_EXCEPTION;
  if (verify_fill(context, job, arguments[0]) == 0) {
    JSValue object = JS_NewObjectClass(context, (int)verify_class);
    if (!JS_IsException(object)) {
      JS_SetOpaque(object, job);
      return object;
    }
  }
  verify_release(JS_GetRuntime(context), job);
  return JS_EXCEPTION;
}

/* One entry on its way through the job. */
struct checking {
  JSContext *context;
  struct verify *job;
  const struct entry *entry;
  /* Set for regular files with more than one name. */
  struct group *group;
  struct stat status;
  JSValueConst failures;
};

static int fail(const struct checking *at, const char *call) {
  throw_entry_error(at->context, call, at->entry, errno);
  return -1;
}

static int add(const struct checking *at, const char *what, const char *found,
               const char *expected) {
  return failure_add(at->context, at->failures, at->entry, (struct failure){what, found, expected});
}

/* Whatever the disk can't give is damage; all else ends the job. -1 with an exception. */
static int unreadable(const struct checking *at, const char *call) {
  if (!is_damage(errno)) return fail(at, call);
  const char *type = format_name(at->entry->format);
  if (strcmp(call, "stat") == 0) return add(at, "type", "unreadable", type);
  const char *what = strcmp(call, "readlink") == 0 ? "link" : "xattr";
  return add(at, what, "unreadable", "readable");
}

/*
 * Names must share an inode with their group and with nothing else in the tree. -1 with an exception.
 */
static int check_inode(const struct checking *at) {
  const struct entry *entry = at->entry;
  struct verify *job = at->job;
  if (at->status.st_nlink < entry->links) {
    char found[24], expected[24];
    snprintf(found, sizeof found, "%" PRIu64, (uint64_t)at->status.st_nlink);
    snprintf(expected, sizeof expected, "%" PRIu32, entry->links);
    if (add(at, "nlink", found, expected)) return -1;
  }
  if (proof_has_inode(job->proof, &at->status)) {
    job->doubtful = true;
    return 0;
  }
  char *first;
  int owned = owners_meet(at->context, &job->owners, &job->walk, at->group, &at->status, &first);
  if (owned <= 0) return owned;
  int result = add(at, "inode", first, entry->follower ? entry->leader : entry->path);
  js_free(at->context, first);
  return result;
}

/* Whether the file is the live tree's: 1, 0, -1 with an exception. */
static int is_live(const struct checking *at) {
  struct stat live;
  if (at->status.st_nlink < 2) return 0;
  int found = tree_stat_spare(&at->job->walk.live_tree, at->entry, &live);
  if (found < 0) return fail(at, "stat");
  return found && is_same_inode(&live, &at->status);
}

/* Reads without touching the access time, if the kernel lets us: flash wears out. */
static int open_content(const struct checking *at) {
  int parent = tree_parent(&at->job->walk.tree, at->entry);
  if (parent < 0) return -1;
  int fd = open_seen(parent, entry_name(at->entry), O_RDONLY | O_NOATIME, 0);
  if (fd < 0 && errno == EPERM) fd = open_seen(parent, entry_name(at->entry), O_RDONLY, 0);
  return fd;
}

/* Hashes at most one byte more than there should be. The bytes read, or -1 with errno. */
static int64_t hash_content(struct verify *job, int fd, int64_t size, uint8_t *digest) {
  struct sha256_ctx hash;
  sha256_init(&hash);
  if (size > CHUNK_LENGTH) posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  int64_t total = 0;
  while (total <= size) {
    int64_t left = size - total + 1;
    size_t wanted = left < CHUNK_LENGTH ? (size_t)left : CHUNK_LENGTH;
    ssize_t got = read(fd, job->chunk, wanted);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    sha256_update(&hash, (size_t)got, job->chunk);
    total += got;
  }
  sha256_digest(&hash, DIGEST_SIZE, digest);
  return total;
}

/* -1 with an exception. */
static int check_content(const struct checking *at) {
  const struct entry *entry = at->entry;
  int fd = open_content(at);
  if (fd < 0 && !is_damage(errno)) return fail(at, "open");
  uint8_t digest[DIGEST_SIZE];
  int64_t total = fd < 0 ? -1 : hash_content(at->job, fd, entry->size, digest);
  int saved_errno = errno;
  if (fd >= 0) close(fd);
  errno = saved_errno;
  if (total < 0 && is_damage(errno)) {
    return failure_add_digest(at->context, at->failures, entry, NULL);
  }
  if (total < 0) return fail(at, "read");
  at->job->bytes += total;
  if (total != entry->size) {
    char found[40], expected[24];
    snprintf(found, sizeof found, total > entry->size ? "more than %" PRId64 : "%" PRId64,
             total > entry->size ? entry->size : total);
    snprintf(expected, sizeof expected, "%" PRId64, entry->size);
    return add(at, "size", found, expected);
  }
  if (memcmp(digest, entry->digest, DIGEST_SIZE) == 0) return 0;
  return failure_add_digest(at->context, at->failures, entry, digest);
}

/* -1 with an exception. */
static int check_entry(JSContext *context, struct verify *job, JSValueConst failures) {
  const struct entry *entry = job->walk.entry;
  struct checking at = {.context = context, .job = job, .entry = entry, .failures = failures};
  enum live_match match = live_lines_match(context, &job->walk.live, job->walk.reader, entry);
  if (match == LIVE_FAILED) return -1;
  if (proof_holds(job->proof, job->walk.reader->entries)) return 0;
  if (entry->format == S_IFREG && entry->links > 1) {
    at.group = groups_enter(context, &job->walk.groups, job->walk.reader, entry);
    if (!at.group) return -1;
  }
  int found = tree_stat(&job->walk.tree, entry, &at.status);
  if (found < 0) return unreadable(&at, "stat");
  if (!found) return add(&at, "missing", "", format_name(entry->format));
  const char *call;
  int differs =
      entry_differences(entry, &job->walk.tree, &at.status, &job->walk.visit, true, &call);
  if (differs < 0) return unreadable(&at, call);
  if (differs &&
      failures_add_differences(context, failures, entry, &job->walk.tree, &at.status, differs)) {
    return -1;
  }
  if (entry->format != S_IFREG || (differs & DIFFERS_TYPE)) return 0;
  if (check_inode(&at)) return -1;
  if (entry->follower || (differs & DIFFERS_SIZE)) return 0;
  int live = match == LIVE_SAME && !job->full ? is_live(&at) : 0;
  if (live) return live < 0 ? -1 : 0;
  return check_content(&at);
}

static int run(JSContext *context, struct verify *job, int64_t entries_max, JSValueConst failures) {
  int64_t bytes_before = job->bytes, told = 0;
  for (int64_t i = 0; i < entries_max && !job->walk.done; i++) {
    if (job->bytes - bytes_before >= STEP_BYTES || told >= STEP_FAILURES) return 0;
    enum read_result result = manifest_next(context, job->walk.reader, job->walk.entry);
    if (result == READ_FAILED) return -1;
    job->walk.done = result == READ_END;
    if (job->walk.done) return groups_finish(context, &job->walk.groups);
    if (check_entry(context, job, failures)) return -1;
    if (job->doubtful) job->walk.done = true;
    if (get_int64_property(context, failures, "length", &told)) return -1;
  }
  return 0;
}

static JSValue describe(JSContext *context, const struct verify *job, JSValue failures) {
  JSValue step = JS_NewObject(context);
  if (JS_IsException(step)) {
    JS_FreeValue(context, failures);
    return step;
  }
  int64_t entries = (int64_t)job->walk.reader->entries;
  if (set_property(context, step, "failures", failures) ||
      set_property(context, step, "done", JS_NewBool(context, job->walk.done)) ||
      set_property(context, step, "doubtful", JS_NewBool(context, job->doubtful)) ||
      set_property(context, step, "entries", JS_NewInt64(context, entries)) ||
      set_property(context, step, "bytes", JS_NewInt64(context, job->bytes))) {
    JS_FreeValue(context, step);
    return JS_EXCEPTION;
  }
  return step;
}

NATIVE(verify_step) {
  struct verify *job = JS_GetOpaque2(context, arguments[0], verify_class);
  int64_t entries_max;
  if (!job || JS_ToInt64(context, &entries_max, arguments[1])) return JS_EXCEPTION;
  JSValue failures = JS_NewArray(context);
  if (JS_IsException(failures)) return failures;
  visit_begin(&job->walk.visit);
  int failed = run(context, job, entries_max, failures);
  if (visit_end(&job->walk.visit) && !failed) {
    throw_system_error(context, "fchdir", ".", errno);
    failed = -1;
  }
  if (!failed) return describe(context, job, failures);
  JS_FreeValue(context, failures);
  return JS_EXCEPTION;
}

NATIVE(verify_close_job) {
  struct verify *job = JS_GetOpaque(arguments[0], verify_class);
  if (!job) return JS_UNDEFINED;
  JS_SetOpaque(arguments[0], NULL);
  verify_release(JS_GetRuntime(context), job);
  return JS_UNDEFINED;
}
