/*
 * An entry of a manifest and what is at its path in a tree: finding it with few system calls, and comparing
 * it. Never follows a symlink, never changes anything.
 */
#ifndef TREES_TREE_ENTRY_H
#define TREES_TREE_ENTRY_H

#include "../files/disk-times.h"
#include "manifest-line.h"

/* A tree, with the directory of the last entry asked for kept open. */
struct tree {
  int root;
  /* The parent, maybe `root` itself; -1 if there is none, with the reason in parent_errno. */
  int parent;
  int parent_errno;
  size_t parent_length;
  char parent_path[PATH_SIZE_MAX];
  /* Counts the changes of `parent`. */
  uint64_t generation;
  /* Which times its file system can hold. */
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

/* Duplicates the descriptor of the root. -1 with errno. */
int tree_open(struct tree *tree, int root);
void tree_close(struct tree *tree);

/* Forgets the open parent: it may have been moved. */
void tree_leave_parent(struct tree *tree);

/* The directory that the entry is in, or -1 with errno. Valid until the next call. */
int tree_parent(struct tree *tree, const struct entry *entry);

/* 1: it is there; 0: nothing is, or a parent is no directory; -1 with errno. */
int tree_stat(struct tree *tree, const struct entry *entry, struct stat *status);
/* The same of a tree that merely could spare an entry: what its disk can't give isn't there. */
int tree_stat_spare(struct tree *tree, const struct entry *entry, struct stat *status);

static inline bool is_same_inode(const struct stat *one, const struct stat *other) {
  return one->st_ino == other->st_ino && one->st_dev == other->st_dev;
}

/* What an entry says, in the form that native:files sets. It points into the entry. */
struct metadata entry_metadata(const struct entry *entry);

/* Whether an error says that a name, or a directory above it, isn't there. */
bool is_absence(int error);

void visit_begin(struct visit *visit);
/* Goes back to where the process was. -1 with errno. */
int visit_end(struct visit *visit);

/* What the stat alone says of something of the right type: bits of enum difference. */
int stat_differences(const struct entry *entry, const struct disk_times *times,
                     const struct stat *status);

/*
 * What differs between an entry and what is in its place in `tree`: bits of enum difference, all of them or
 * the first found. -1 with errno, and what failed in *call.
 */
int entry_differences(const struct entry *entry, struct tree *tree, const struct stat *status,
                      struct visit *visit, bool all, const char **call);

#endif
