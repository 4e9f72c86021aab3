/*
 * Which entry has an inode as its own; see owners.h. In a tree that is right it is enough to know which
 * inodes were met, and that takes next to no memory. Only when something is wrong does it matter who has
 * one: then the entries so far are looked at once more.
 */
#include "owners.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "budget.h"
#include "job-options.h"

void owners_release(struct owners *owners) {
  inode_set_release(&owners->met);
  number_map_release(&owners->lines);
}

/* The path of the line at an offset. To be freed (js_free); NULL with an exception. */
static char *read_path_at(JSContext *context, int manifest, int64_t offset) {
  struct manifest_reader *reader = manifest_reader_new(context, manifest);
  struct entry *entry = reader ? js_malloc(context, sizeof *entry) : NULL;
  char *path = NULL;
  if (entry) {
    reader->position = offset;
    enum read_result result = manifest_next_line(context, reader);
    if (result == READ_ENTRY && !entry_parse_path(entry, reader->line, reader->line_length)) {
      path = js_strndup(context, entry->path, entry->path_length);
    } else if (result != READ_FAILED) {
      throw_manifest_error(context, 0, "", 0, "changed while it was read");
    }
  }
  js_free(context, entry);
  js_free(context, reader);
  return path;
}

static int note_line(JSContext *context, struct owners *owners, uint64_t key, int64_t offset) {
  if (offset > UINT32_MAX) {
    return throw_manifest_error(context, 0, "", 0, "the manifest has more than 4 GiB");
  }
  if (number_map_add(&owners->lines, key, (uint32_t)offset) == 0) return 0;
  budget_throw(context, &budget_manifest);
  return -1;
}

/* Looks at all entries before the walk's again. -1 with an exception. */
static int learn(JSContext *context, struct owners *owners, struct walk *walk,
                 struct manifest_reader *reader, struct entry *entry) {
  for (;;) {
    enum read_result result = manifest_next(context, reader, entry);
    if (result == READ_FAILED) return -1;
    if (result == READ_END || reader->line_offset >= walk->reader->line_offset) return 0;
    if (entry->format != S_IFREG) continue;
    struct stat status;
    int found = tree_stat(&walk->tree, entry, &status);
    if (found < 0) {
      throw_entry_error(context, "stat", entry, errno);
      return -1;
    }
    if (!found || !S_ISREG(status.st_mode) || status.st_nlink < 2) continue;
    uint64_t key = inode_key(&status);
    if (number_map_find(&owners->lines, key)) continue;
    if (note_line(context, owners, key, reader->line_offset)) return -1;
  }
}

static int learn_lines(JSContext *context, struct owners *owners, struct walk *walk) {
  struct manifest_reader *reader = manifest_reader_new(context, walk->manifest);
  struct entry *entry = reader ? js_malloc(context, sizeof *entry) : NULL;
  int result = entry ? learn(context, owners, walk, reader, entry) : -1;
  js_free(context, entry);
  js_free(context, reader);
  inode_set_release(&owners->met);
  owners->has_lines = result == 0;
  return result;
}

/* Whether the inode was met where it should be, if ever: 1, 0, or -1 with an exception. */
static int meet_plainly(JSContext *context, struct owners *owners, const struct entry *entry,
                        struct group *group, const struct stat *status) {
  if (entry->follower) {
    return group->in_place && group->inode == status->st_ino && group->device == status->st_dev;
  }
  if (status->st_nlink < 2) return 1;
  if (inode_set_has(&owners->met, status)) return 0;
  if (group) {
    group->in_place = true;
    group->inode = status->st_ino;
    group->device = status->st_dev;
  }
  if (inode_set_add(&owners->met, status) == 0) return 1;
  budget_throw(context, &budget_manifest);
  return -1;
}

int owners_meet(JSContext *context, struct owners *owners, struct walk *walk, struct group *group,
                const struct stat *status, char **first) {
  const struct entry *entry = walk->entry;
  if (!owners->has_lines) {
    int plain = meet_plainly(context, owners, entry, group, status);
    if (plain) return plain < 0 ? -1 : 0;
    if (learn_lines(context, owners, walk)) return -1;
  }
  uint64_t key = inode_key(status);
  const uint32_t *line = number_map_find(&owners->lines, key);
  if (!line) {
    if (status->st_nlink > 1 && note_line(context, owners, key, walk->reader->line_offset)) {
      return -1;
    }
    if (!entry->follower) return 0;
    *first = js_strndup(context, entry->path, entry->path_length);
    return *first ? 1 : -1;
  }
  *first = read_path_at(context, walk->manifest, *line);
  if (!*first) return -1;
  if (!entry->follower || strcmp(*first, entry->leader) != 0) return 1;
  js_free(context, *first);
  return 0;
}
