/* The hard link groups of a manifest: which names belong together, and where the first one is. */
#ifndef TREES_HARD_LINKS_H
#define TREES_HARD_LINKS_H

#include "manifest-reader.h"
#include "number-map.h"

struct group {
  /* A hash of everything that the names of a group must agree in. */
  uint64_t fields;
  uint64_t line_number;
  uint32_t links;
  uint32_t names;
  /* For the jobs: whether the first name is in place in the tree, and as which inode. */
  bool in_place;
  dev_t device;
  ino_t inode;
};

struct groups {
  struct number_map by_path;
  struct group *items;
  size_t count;
  size_t capacity;
  uint64_t seed;
};

void groups_open(struct groups *groups);
void groups_release(struct groups *groups);

/*
 * The group of a regular file that has more than one name: a new one for a first name. Throws a
 * ManifestError if a later name doesn't fit. Valid until the next call. NULL with an exception.
 */
struct group *groups_enter(JSContext *context, struct groups *groups,
                           const struct manifest_reader *reader, const struct entry *entry);

/* After the last entry: each group must have as many names as it says. -1 with an exception. */
int groups_finish(JSContext *context, const struct groups *groups);

#endif
