/*
 * Which entry of a tree has an inode as its own: the first one that was met with it. Names must share an
 * inode with their group and with nothing else.
 */
#ifndef TREES_OWNERS_H
#define TREES_OWNERS_H

#include "inode-set.h"
#include "number-map.h"
#include "walk.h"

struct owners {
  /* The inodes that were met and have other names; as long as each was met where it should be. */
  struct inode_set met;
  /* From then on: where the line of the first entry with the inode begins. */
  bool has_lines;
  struct number_map lines;
};

/*
 * Meets the inode of the regular file that the walk has just read; `group` is its group, or NULL. 0: it is the
 * entry's own or its group's; 1: it should be another one, and *first is the path of the entry that has
 * it first, to be freed (js_free); -1 with an exception.
 */
int owners_meet(JSContext *context, struct owners *owners, struct walk *walk, struct group *group,
                const struct stat *status, char **first);

void owners_release(struct owners *owners);

#endif
