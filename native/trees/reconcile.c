/*
 * Brings a tree towards its manifest, entry by entry, from what the live tree has. It never changes an
 * entry in place, since its inode may be the live tree's, and never writes outside the tree.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../files/removal.h"
#include "../files/stubborn.h"
#include "budget.h"
#include "copy-entry.h"
#include "job-options.h"
#include "module.h"
#include "trees.h"
#include "walk.h"

/* Content copied in one step, so that progress can be shown in between (bytes). */
#define STEP_BYTES (16 * 1024 * 1024)
/* Of one inode in all trees together: every disk has room for more, and few for many times as many. */
#define SHARED_NAMES_MAX 1000

struct reconcile {
  struct walk walk;
  bool dry_run;
  /* Inodes of first and only names: no two of these names may share one. */
  struct number_map inodes;
  int64_t linked, made, kept, copied, copied_bytes, undone_files, undone_bytes;
};

static JSClassID reconcile_class;

static void reconcile_release(JSRuntime *runtime, struct reconcile *job) {
  walk_release(runtime, &job->walk);
  number_map_release(&job->inodes);
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
  if (get_bool_property(context, options, "dryRun", &job->dry_run)) return -1;
  if (job->walk.tree.root >= 0 || job->dry_run) return 0;
  JS_ThrowTypeError(context, "only a dry run can do without a tree");
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

/* One entry on its way through the job. */
struct placing {
  JSContext *context;
  struct reconcile *job;
  const struct entry *entry;
  enum live_match match;
  /* Set for regular files with more than one name. */
  struct group *group;
  /* There can be nothing there, since this run has just made the directory. */
  bool fresh;
  bool stands;
  struct stat standing;
  JSValueConst undone;
};

/* Throws what failed; keeps the callers short. */
static int fail(struct placing *at, const char *call) {
  throw_entry_error(at->context, call, at->entry, errno);
  return -1;
}

/* Notes the inode that a regular file has now. -1 with an exception. */
static int take_inode(struct placing *at, const struct stat *status) {
  if (at->group) {
    at->group->in_place = true;
    at->group->device = status->st_dev;
    at->group->inode = status->st_ino;
  }
  if (number_map_add(&at->job->inodes, inode_key(status), 0) == 0) return 0;
  budget_throw(at->context, &budget_manifest);
  return -1;
}

static bool is_taken(const struct placing *at, const struct stat *status) {
  return number_map_find(&at->job->inodes, inode_key(status)) != NULL;
}

static bool is_inode(const struct group *group, const struct stat *status) {
  return group->in_place && group->inode == status->st_ino && group->device == status->st_dev;
}

/* Whether what is there may stay. -1 with an exception. */
static int may_stay(struct placing *at) {
  const struct entry *entry = at->entry;
  struct reconcile *job = at->job;
  if (!at->stands) return 0;
  if (entry->format == S_IFDIR) return S_ISDIR(at->standing.st_mode);
  if (entry->follower && !is_inode(at->group, &at->standing)) return 0;
  const char *call;
  int differs =
      entry_differences(entry, &job->walk.tree, &at->standing, &job->walk.visit, false, &call);
  if (differs < 0) return fail(at, call);
  if (differs) return 0;
  if (entry->format != S_IFREG || entry->follower) return 1;
  if (is_taken(at, &at->standing)) return 0;
  /* An inode shared with the live tree under another line was not made for this one. */
  if (job->walk.live.reader && at->match != LIVE_SAME && at->standing.st_nlink > 1) {
    struct stat live;
    int found = tree_stat(&job->walk.live_tree, entry, &live);
    if (found < 0) return fail(at, "stat");
    if (found && live.st_ino == at->standing.st_ino && live.st_dev == at->standing.st_dev) return 0;
  }
  return 1;
}

/*
 * A directory that is kept belongs to this tree alone: entries may come and go, and no flag stays. -1 with
 * an exception.
 */
static int claim(struct placing *at) {
  const struct entry *entry = at->entry;
  if (at->job->dry_run) return 0;
  /* If another tree shares the inode, maybe the running one, it keeps its flags. */
  bool owned = entry->format == S_IFREG && at->standing.st_nlink <= entry->links;
  if (entry->format != S_IFDIR && !owned) return 0;
  int parent = tree_parent(&at->job->walk.tree, entry);
  if (parent < 0) return fail(at, "open");
  if (owned) (void)flags_clear_name(parent, entry_name(entry));
  else if (directory_claim(parent, entry_name(entry))) return fail(at, "open");
  return 0;
}

/* Looks at what is at the entry's path. -1 with an exception. */
static int look(struct placing *at) {
  struct reconcile *job = at->job;
  at->fresh = manifest_parent_mark(job->walk.reader);
  bool root = job->walk.reader->entries == 1;
  if (root) at->fresh = job->walk.tree.root < 0;
  if (at->fresh) return 0;
  int found = tree_stat(&job->walk.tree, at->entry, &at->standing);
  if (found < 0) return fail(at, "stat");
  at->stands = found;
  return 0;
}

/* Makes room for the entry. Keeps the errno of the removal for the exception. */
static int remove_standing(struct placing *at) {
  if (!at->stands || at->job->dry_run) return 0;
  const char *call = "open";
  int parent = tree_parent(&at->job->walk.tree, at->entry);
  if (parent < 0 || remove_tree(parent, entry_name(at->entry), &call)) return fail(at, call);
  return 0;
}

/* Makes an entry that has no content. -1 with an exception. */
static int make(struct placing *at) {
  const struct entry *entry = at->entry;
  at->job->made++;
  if (at->job->dry_run) return 0;
  int parent = tree_parent(&at->job->walk.tree, entry);
  if (parent < 0) return fail(at, "open");
  const char *name = entry_name(entry);
  if (entry->format == S_IFDIR) return mkdirat(parent, name, 0700) ? fail(at, "mkdir") : 0;
  struct stat status = {.st_mode = entry->format};
  if (entry->format == S_IFLNK) {
    if (symlinkat(entry->link, parent, name)) return fail(at, "symlink");
  } else {
    dev_t device = makedev(entry->major, entry->minor);
    if (mknodat(parent, name, entry->format | 0600, device)) return fail(at, "mknod");
  }
  const char *call;
  return entry_set_made(parent, entry, &status, &call) ? fail(at, call) : 0;
}

static const char *const reason_names[] = {"new", "changed", "edited", "waiting"};
enum reason { REASON_NEW, REASON_CHANGED, REASON_EDITED, REASON_WAITING };

/* Leaves a regular file to those who can get its content. -1 with an exception. */
static int leave(struct placing *at, enum reason reason) {
  JSContext *context = at->context;
  struct reconcile *job = at->job;
  if (!at->entry->follower) {
    job->undone_files++;
    job->undone_bytes += at->entry->size;
  }
  if (job->dry_run) return 0;
  const struct manifest_reader *target = job->walk.reader;
  JSValue undone = JS_NewObject(context);
  if (JS_IsException(undone)) return -1;
  if (set_property(context, undone, "reason", JS_NewString(context, reason_names[reason])) ||
      set_property(context, undone, "line",
                   bytes_to_js(context, target->line, target->line_length))) {
    JS_FreeValue(context, undone);
    return -1;
  }
  return append(context, at->undone, undone);
}

/* A later name of a hard link: linked to the first one in the tree. */
static int link_later_name(struct placing *at) {
  struct reconcile *job = at->job;
  if (!at->group->in_place) return leave(at, REASON_WAITING);
  job->made++;
  if (job->dry_run) return 0;
  struct place leader;
  int parent = tree_parent(&job->walk.tree, at->entry);
  if (parent < 0 || place_open(job->walk.tree.root, at->entry->leader, &leader)) {
    return fail(at, "open");
  }
  int result = linkat(leader.parent, leader.name, parent, entry_name(at->entry), 0);
  place_close(&leader);
  return result ? fail(at, "link") : 0;
}

/* Its content is in the live tree, open as `source`. -1 with an exception. */
static int copy_open(struct placing *at, int source) {
  struct reconcile *job = at->job;
  struct stat made = {0};
  const char *call;
  if (!job->dry_run && entry_copy(source, &job->walk.tree, at->entry, &made, &call)) {
    return fail(at, call);
  }
  job->copied++;
  job->copied_bytes += at->entry->size;
  /* It is nobody else's inode, so only its own later names have to know it. */
  return at->group ? take_inode(at, &made) : 0;
}

/* Whether the live file of a line is as the line says: 1, 0, or -1 with an exception. */
static int stands_in_live(struct placing *at, const struct entry *line, struct stat *live) {
  struct tree *tree = &at->job->walk.live_tree;
  const char *call = "stat";
  int found = tree_stat(tree, line, live);
  if (found <= 0) return found < 0 ? fail(at, call) : 0;
  int differs = entry_differences(line, tree, live, &at->job->walk.visit, false, &call);
  return differs < 0 ? fail(at, call) : !differs;
}

/* A live file that is as its line says. */
static int copy_live_file(struct placing *at, const struct entry *line) {
  struct reconcile *job = at->job;
  if (job->dry_run) return copy_open(at, -1);
  int parent = tree_parent(&job->walk.live_tree, line);
  int source = parent < 0 ? -1 : open_regular(parent, entry_name(line), O_RDONLY, 0);
  if (source < 0) return is_fault_of_source(errno) ? leave(at, REASON_CHANGED) : fail(at, "open");
  int result = copy_open(at, source);
  close(source);
  return result;
}

/* The live file of another line: copied if only its metadata differs, else left. */
static int copy_from_live(struct placing *at) {
  const struct entry *before = live_lines_entry(&at->job->walk.live);
  bool same_content = before && before->format == S_IFREG && at->entry->size > 0 &&
                      before->size == at->entry->size &&
                      memcmp(before->digest, at->entry->digest, DIGEST_SIZE) == 0;
  struct stat live;
  int stands = same_content ? stands_in_live(at, before, &live) : 0;
  if (stands == 0) return leave(at, REASON_CHANGED);
  return stands < 0 ? -1 : copy_live_file(at, before);
}

/* A regular file with content of its own: from the live tree, or left. */
static int link_from_live(struct placing *at) {
  struct reconcile *job = at->job;
  if (at->match == LIVE_NONE) return leave(at, REASON_NEW);
  if (at->match == LIVE_OTHER) return copy_from_live(at);
  struct stat live;
  int stands = stands_in_live(at, at->entry, &live);
  if (stands < 0) return -1;
  if (!stands || is_taken(at, &live)) return leave(at, REASON_EDITED);
  if (at->group && at->entry->size > 0 && live.st_nlink + at->entry->links > SHARED_NAMES_MAX) {
    return copy_live_file(at, at->entry);
  }
  if (!job->dry_run) {
    int source = tree_parent(&job->walk.live_tree, at->entry);
    int target = tree_parent(&job->walk.tree, at->entry);
    const char *name = entry_name(at->entry);
    if (source < 0 || target < 0) return fail(at, "open");
    if (linkat(source, name, target, name, 0)) {
      return is_fault_of_source(errno) ? leave(at, REASON_EDITED) : fail(at, "link");
    }
  }
  job->linked++;
  return take_inode(at, &live);
}

/* Puts one entry in place, or leaves it. -1 with an exception. */
static int place_entry(JSContext *context, struct reconcile *job, JSValueConst undone) {
  const struct entry *entry = job->walk.entry;
  struct placing at = {.context = context, .job = job, .entry = entry, .undone = undone};
  at.match = live_lines_match(context, &job->walk.live, job->walk.reader, entry);
  if (at.match == LIVE_FAILED) return -1;
  if (entry->format == S_IFREG && entry->links > 1) {
    at.group = groups_enter(context, &job->walk.groups, job->walk.reader, entry);
    if (!at.group) return -1;
  }
  if (look(&at)) return -1;
  int stays = may_stay(&at);
  if (stays < 0) return -1;
  if (entry->format == S_IFDIR) manifest_mark_directory(job->walk.reader, !stays);
  if (stays) {
    job->kept++;
    if (claim(&at)) return -1;
    return entry->format == S_IFREG && !entry->follower ? take_inode(&at, &at.standing) : 0;
  }
  if (remove_standing(&at)) return -1;
  if (entry->format != S_IFREG) return make(&at);
  return entry->follower ? link_later_name(&at) : link_from_live(&at);
}

static int run(JSContext *context, struct reconcile *job, int64_t entries_max,
               JSValueConst undone) {
  int64_t copied_before = job->copied_bytes;
  for (int64_t i = 0; i < entries_max && !job->walk.done; i++) {
    if (!job->dry_run && job->copied_bytes - copied_before >= STEP_BYTES) return 0;
    enum read_result result = manifest_next(context, job->walk.reader, job->walk.entry);
    if (result == READ_FAILED) return -1;
    job->walk.done = result == READ_END;
    if (job->walk.done) return groups_finish(context, &job->walk.groups);
    if (place_entry(context, job, undone)) return -1;
  }
  return 0;
}

static JSValue describe(JSContext *context, const struct reconcile *job, JSValue undone) {
  static const char *const names[] = {"entries", "linked",      "made",        "kept",
                                      "copied",  "copiedBytes", "undoneFiles", "undoneBytes"};
  const int64_t values[] = {(int64_t)job->walk.reader->entries,
                            job->linked,
                            job->made,
                            job->kept,
                            job->copied,
                            job->copied_bytes,
                            job->undone_files,
                            job->undone_bytes};
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
