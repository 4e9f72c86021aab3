/*
 * Which inodes were met: exact, and small, since the inodes of a tree come in rows. A place holds 64
 * numbers in 16 bytes, so a tree whose files were made one after the other takes a few bits an entry.
 * Nothing is ever removed.
 */
#ifndef TREES_INODE_SET_H
#define TREES_INODE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct inode_row {
  /* The upper bits of the key, and 1: 0 is a free place. */
  uint64_t number;
  uint64_t bits;
};

struct inode_set {
  struct inode_row *rows;
  size_t places;
  size_t count;
};

bool inode_set_has(const struct inode_set *set, const struct stat *status);

/* -1 if there is no memory. */
int inode_set_add(struct inode_set *set, const struct stat *status);

void inode_set_release(struct inode_set *set);

#endif
