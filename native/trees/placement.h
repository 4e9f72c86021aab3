/* Bringing one entry of a tree towards its line; reconcile.c goes through all of them. */
#ifndef TREES_PLACEMENT_H
#define TREES_PLACEMENT_H

#include "inode-set.h"
#include "proof.h"
#include "walk.h"

struct reconcile {
  struct walk walk;
  bool dry_run;
  /* The live tree is not looked at, but taken to be as its manifest says. */
  bool unseen;
  /* Inodes of first and only names: no two of these names may share one. */
  struct inode_set inodes;
  struct proof *proof;
  int64_t linked, linked_bytes, made, kept, copied, copied_bytes, undone_files, undone_bytes;
  /* Of the lines that were left in this step. */
  size_t lines_length;
};

/*
 * Puts the entry that the walk has just read in place, or appends it to `undone`. -1 with an exception.
 */
int place_entry(JSContext *context, struct reconcile *job, JSValueConst undone);

#endif
