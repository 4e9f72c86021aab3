/*
 * An entry of a manifest and what stands at its path in a tree: finding it with few calls of the
 * kernel, and comparing it. Never follows a symlink, never changes anything.
 */
#ifndef TREES_TREE_ENTRY_H
#define TREES_TREE_ENTRY_H

#include "../files/disk-times.h"
#include "manifest-line.h"

/* A tree, with the directory of the last entry that was asked for open. */
struct tree {
  int root;
  /* The parent; -1 where there is none, with its reason in parent_errno; maybe `root` itself. */
  int parent;
  int parent_errno;
  size_t parent_length;
  char parent_path[PATH_SIZE_MAX];
  /* Counts the changes of `parent`. */
  uint64_t generation;
  /* What its file system makes of times. */
  struct disk_times times;
};

/* The working directory during a step, which is where attributes are read. */
struct visit {
  int way_back;
  const struct tree *tree;
  uint64_t generation;
};

enum difference {
  DIFFERS_TYPE = 1 << 0,
  DIFFERS_MODE = 1 << 1,
  DIFFERS_UID = 1 << 2,
  DIFFERS_GID = 1 << 3,
  DIFFERS_SIZE = 1 << 4,
  DIFFERS_TIME = 1 << 5,
  DIFFERS_LINK = 1 << 6,
  DIFFERS_DEVICE = 1 << 7,
  DIFFERS_XATTR = 1 << 8,
};

/* Takes a descriptor of its own for the root. -1 with errno. */
int tree_open(struct tree *tree, int root);
void tree_close(struct tree *tree);

/* The directory that the entry is in, or -1 with errno. Valid until the next call. */
int tree_parent(struct tree *tree, const struct entry *entry);

/* 1: it stands there; 0: nothing does, or a parent is none; -1 with errno. */
int tree_stat(struct tree *tree, const struct entry *entry, struct stat *status);

/* What an entry says, as files sets it. It points into the entry. */
struct metadata entry_metadata(const struct entry *entry);

void visit_begin(struct visit *visit);
/* Goes back to where the process was. -1 with errno. */
int visit_end(struct visit *visit);

/*
 * What differs between an entry and what stands for it in `tree`: bits of enum difference, all of
 * them or the first found. -1 with errno, and what failed in *call.
 */
int entry_differences(const struct entry *entry, struct tree *tree, const struct stat *status,
                      struct visit *visit, bool all, const char **call);

#endif
