/*
 * Gives directories their metadata once nothing more is put into them, because that changes their times.
 * The innermost come first, since a mode may bar the way to what is below.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../files/entries.h"
#include "budget.h"
#include "job-options.h"
#include "manifest-reader.h"
#include "proof.h"
#include "trees.h"

/* A directory that is not yet as it should be: where its line begins, and its number. */
struct wrong_directory {
  int64_t offset;
  uint64_t number;
};

struct wrong_directories {
  struct wrong_directory *items;
  size_t count;
  size_t capacity;
};

struct finishing {
  JSContext *context;
  struct manifest_reader *reader;
  struct entry *entry;
  struct tree tree;
  struct visit visit;
  struct wrong_directories wrong;
  /* Or NULL. */
  struct proof *proof;
};

static int fail(const struct finishing *job, const char *call) {
  throw_entry_error(job->context, call, job->entry, errno);
  return -1;
}

static int note(struct finishing *job) {
  struct wrong_directories *wrong = &job->wrong;
  if (wrong->count == wrong->capacity) {
    size_t capacity = wrong->capacity ? wrong->capacity * 2 : 256;
    struct wrong_directory *items =
        budget_resize(&budget_manifest, wrong->items, capacity * sizeof *items);
    if (!items) {
      budget_throw(job->context, &budget_manifest);
      return -1;
    }
    wrong->items = items;
    wrong->capacity = capacity;
  }
  wrong->items[wrong->count++] =
      (struct wrong_directory){job->reader->line_offset, job->reader->entries};
  return 0;
}

/* Says that a directory was looked at and is right. -1 with an exception. */
static int prove(struct finishing *job, uint64_t number, const struct stat *status) {
  if (!job->proof || proof_add(job->proof, number, status) == 0) return 0;
  budget_throw(job->context, &budget_manifest);
  return -1;
}

/* Gives the entry, a directory, its metadata, and looks at it. -1 with an exception. */
static int set(struct finishing *job, uint64_t number) {
  const struct entry *entry = job->entry;
  struct metadata metadata = entry_metadata(entry);
  /* Of nobody: all of it is set. */
  struct stat status = {.st_mode = S_IFDIR, .st_uid = UINT32_MAX};
  const char *call = "open";
  int parent = tree_parent(&job->tree, entry);
  if (parent < 0) return fail(job, call);
  int fd = open_below(parent, entry_name(entry), O_RDONLY | O_DIRECTORY, 0);
  if (fd < 0) {
    /* Who isn't root may own what they can't read. */
    bool owned =
        errno == EACCES && !metadata_set(parent, entry_name(entry), &status, &metadata, &call);
    return owned ? 0 : fail(job, call);
  }
  int failed = metadata_set_open(fd, &status, &metadata, &call);
  if (!failed) {
    call = "stat";
    failed = fstat(fd, &status);
  }
  int saved_errno = errno;
  close(fd);
  errno = saved_errno;
  if (failed) return fail(job, call);
  /* Its attributes were listed while they were set. */
  if (stat_differences(entry, &job->tree.times, &status)) return 0;
  return prove(job, number, &status);
}

/* Notes the directories that differ; in a recycled tree most don't. -1 with an exception. */
static int find_wrong(struct finishing *job) {
  for (;;) {
    enum read_result result = manifest_next(job->context, job->reader, job->entry);
    if (result != READ_ENTRY) return result == READ_END ? 0 : -1;
    if (job->entry->format != S_IFDIR) continue;
    struct stat status;
    int found = tree_stat(&job->tree, job->entry, &status);
    if (found == 0) errno = ENOENT;
    if (found <= 0) return fail(job, "stat");
    const char *call;
    int differs = entry_differences(job->entry, &job->tree, &status, &job->visit, false, &call);
    if (differs < 0) return fail(job, call);
    if (differs & DIFFERS_TYPE) {
      errno = ENOTDIR;
      return fail(job, "stat");
    }
    if (differs ? note(job) : prove(job, job->reader->entries, &status)) return -1;
  }
}

/* -1 with an exception. */
static int set_wrong(struct finishing *job) {
  for (size_t i = job->wrong.count; i-- > 0;) {
    struct manifest_reader *reader = job->reader;
    reader->position = job->wrong.items[i].offset;
    reader->start = reader->end = 0;
    enum read_result result = manifest_next_line(job->context, reader);
    if (result == READ_FAILED) return -1;
    const char *problem = result == READ_END
                              ? "changed while it was read"
                              : entry_parse(job->entry, reader->line, reader->line_length);
    if (problem) return throw_manifest_error(job->context, 0, "", 0, problem);
    if (set(job, job->wrong.items[i].number)) return -1;
  }
  return 0;
}

NATIVE(directories_finish) {
  int32_t manifest, tree;
  if (JS_ToInt32(context, &manifest, arguments[0]) || JS_ToInt32(context, &tree, arguments[1])) {
    return JS_EXCEPTION;
  }
  struct finishing job = {.context = context};
  if (tree_open(&job.tree, tree)) return throw_system_error(context, "fcntl", "tree", errno);
  if (disk_times_from_js(context, arguments[2], &job.tree.times)) {
    tree_close(&job.tree);
    return JS_EXCEPTION;
  }
  if (proof_argument(context, arguments[3], &job.proof)) {
    tree_close(&job.tree);
    return JS_EXCEPTION;
  }
  job.reader = manifest_reader_new(context, manifest);
  job.entry = job.reader ? js_malloc(context, sizeof *job.entry) : NULL;
  visit_begin(&job.visit);
  int failed = !job.entry || find_wrong(&job);
  if (visit_end(&job.visit) && !failed) {
    throw_system_error(context, "fchdir", ".", errno);
    failed = 1;
  }
  if (!failed) failed = set_wrong(&job);
  js_free(context, job.entry);
  js_free(context, job.reader);
  budget_free(&budget_manifest, job.wrong.items);
  tree_close(&job.tree);
  proof_release(JS_GetRuntime(context), job.proof);
  return failed ? JS_EXCEPTION : JS_UNDEFINED;
}
