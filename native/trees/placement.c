/*
 * One entry of a tree brought towards its line, from what the live tree has; see placement.h. It never
 * changes an entry in place, since its inode may be the live tree's, and never writes outside the tree.
 */
#include "placement.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../files/damage.h"
#include "../files/removal.h"
#include "../files/stubborn.h"
#include "budget.h"
#include "copy-entry.h"
#include "job-options.h"

/* Of one inode in all trees together: every disk has room for more, and few for many times as many. */
#define SHARED_NAMES_MAX 1000

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
  /* What stands is the inode of the live tree. */
  bool is_live;
  JSValueConst undone;
};

/* Throws what failed; keeps the callers short. */
static int fail(struct placing *at, const char *call) {
  throw_entry_error(at->context, call, at->entry, errno);
  return -1;
}

/*
 * Notes what has the entry's name now. `proved`: it was looked at since it has that name, and its content
 * needs no look. -1 with an exception.
 */
static int take(struct placing *at, const struct stat *status, bool proved) {
  struct reconcile *job = at->job;
  int failed = 0;
  if (at->group) {
    at->group->in_place = true;
    at->group->device = status->st_dev;
    at->group->inode = status->st_ino;
  }
  if (job->proof && proved && !at->group) {
    failed = proof_add(job->proof, job->walk.reader->entries, status);
  } else if (S_ISREG(status->st_mode) && status->st_nlink > 1) {
    failed = inode_set_add(&job->inodes, status);
  }
  if (failed) budget_throw(at->context, &budget_manifest);
  return failed;
}

static bool is_taken(const struct placing *at, const struct stat *status) {
  return inode_set_has(&at->job->inodes, status) || proof_has_inode(at->job->proof, status);
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
  bool same = at->match == LIVE_SAME;
  if (!job->walk.live.reader || at->standing.st_nlink < 2 || (same && !job->proof)) return 1;
  struct stat live;
  int found = tree_stat_spare(&job->walk.live_tree, entry, &live);
  if (found < 0) return fail(at, "stat");
  at->is_live = found && is_same_inode(&live, &at->standing);
  /* An inode shared with the live tree under another line was not made for this one. */
  return same || !at->is_live;
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
  const char *call;
  at->job->made++;
  if (at->job->dry_run) return 0;
  return entry_make(&at->job->walk.tree, at->entry, &call) ? fail(at, call) : 0;
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
  job->lines_length += target->line_length;
  JSValue undone = JS_NewObject(context);
  if (JS_IsException(undone)) return -1;
  if (set_property(context, undone, "reason", JS_NewString(context, reason_names[reason])) ||
      set_property(context, undone, "number", JS_NewInt64(context, (int64_t)target->entries)) ||
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
    /* If it is this disk that takes nothing, what is fetched instead will meet it as well. */
    return is_damage(errno) ? leave(at, REASON_CHANGED) : fail(at, call);
  }
  job->copied++;
  job->copied_bytes += at->entry->size;
  /* It is nobody else's inode, so only its own later names have to know it. */
  return at->group ? take(at, &made, false) : 0;
}

/* Whether the live file of a line is as the line says: 1, 0, or -1 with an exception. */
static int stands_in_live(struct placing *at, const struct entry *line, struct stat *live) {
  *live = (struct stat){0};
  if (at->job->unseen) return 1;
  struct tree *tree = &at->job->walk.live_tree;
  const char *call = "stat";
  int found = tree_stat_spare(tree, line, live);
  if (found <= 0) return found < 0 ? fail(at, call) : 0;
  int differs = entry_differences(line, tree, live, &at->job->walk.visit, false, &call);
  if (differs < 0) return is_damage(errno) ? 0 : fail(at, call);
  return !differs;
}

/* A live file that is as its line says. */
static int copy_live_file(struct placing *at, const struct entry *line) {
  struct reconcile *job = at->job;
  if (job->dry_run) return copy_open(at, -1);
  int parent = tree_parent(&job->walk.live_tree, line);
  int source = parent < 0 ? -1 : open_seen(parent, entry_name(line), O_RDONLY, 0);
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

/* Whether its group would give the live inode, or the linked one, too many names. */
static bool is_crowded(const struct placing *at, nlink_t live_names) {
  return at->group && at->entry->size > 0 && live_names + at->entry->links > SHARED_NAMES_MAX;
}

/* A live file that is right, but its inode can't be shared. An empty one that is taken is sooner made. */
static int copy_shared(struct placing *at, bool taken) {
  if (taken && at->entry->size == 0) return leave(at, REASON_EDITED);
  return copy_live_file(at, at->entry);
}

/* What linking will come to, with nothing changed. -1 with an exception. */
static int foresee_link(struct placing *at) {
  struct stat live;
  int stands = stands_in_live(at, at->entry, &live);
  if (stands < 0) return -1;
  if (!stands) return leave(at, REASON_EDITED);
  nlink_t names = at->job->unseen ? at->entry->links : live.st_nlink;
  bool taken = is_taken(at, &live);
  if (taken || is_crowded(at, names)) return copy_shared(at, taken);
  at->job->linked++;
  at->job->linked_bytes += at->entry->size;
  return take(at, &live, false);
}

/* A regular file with content of its own: from the live tree, or left. */
static int link_from_live(struct placing *at) {
  struct reconcile *job = at->job;
  if (at->match == LIVE_NONE) return leave(at, REASON_NEW);
  if (at->match == LIVE_OTHER) return copy_from_live(at);
  if (job->dry_run) return foresee_link(at);
  struct stat status;
  const char *call;
  int linked = entry_link(&job->walk.live_tree, &job->walk.tree, at->entry, &job->walk.visit,
                          &status, &call);
  if (linked < 0) return fail(at, call);
  if (!linked) return leave(at, REASON_EDITED);
  bool taken = is_taken(at, &status);
  if (taken || is_crowded(at, status.st_nlink - 1)) {
    return entry_unlink(&job->walk.tree, at->entry) ? fail(at, "unlink") : copy_shared(at, taken);
  }
  job->linked++;
  job->linked_bytes += at->entry->size;
  return take(at, &status, true);
}

int place_entry(JSContext *context, struct reconcile *job, JSValueConst undone) {
  const struct entry *entry = job->walk.entry;
  struct placing at = {.context = context, .job = job, .entry = entry, .undone = undone};
  at.match = live_lines_match(context, &job->walk.live, job->walk.reader, entry);
  if (at.match == LIVE_FAILED) return -1;
  if (proof_holds(job->proof, job->walk.reader->entries)) {
    job->kept++;
    return 0;
  }
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
    bool proved = entry->format == S_IFREG ? at.is_live : entry->format != S_IFDIR;
    return entry->follower ? 0 : take(&at, &at.standing, proved);
  }
  if (remove_standing(&at)) return -1;
  if (entry->format != S_IFREG) return make(&at);
  return entry->follower ? link_later_name(&at) : link_from_live(&at);
}
