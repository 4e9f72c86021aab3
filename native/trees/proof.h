/*
 * What a run has proved of the tree that it builds, carried from the walks that looked to the one that
 * has the last word, so that nothing is looked at twice. See proof.c for what it may say, and why.
 */
#ifndef TREES_PROOF_H
#define TREES_PROOF_H

#include "inode-set.h"
#include "native.h"
#include "tree-entry.h"

struct proof {
  /* Its handle and the jobs that use it. */
  size_t holders;
  /* The tree that is built. */
  struct tree tree;
  struct entry *entry;
  /* One bit for each entry, by its number in the manifest. */
  uint8_t *bits;
  size_t bytes;
  /* The inodes of proved files that have other names as well, maybe in the live tree. */
  struct inode_set inodes;
  /* How the last file came whose owner and mode were looked up before they were set; the next one comes so, too. */
  struct stat arrived;
  bool has_arrived;
};

/* The proof of an argument, or of the options of a job: it is held until it is released. NULL for undefined. */
int proof_argument(JSContext *context, JSValueConst value, struct proof **proof);
int proof_option(JSContext *context, JSValueConst options, struct proof **proof);
void proof_release(JSRuntime *runtime, struct proof *proof);

/* Of an entry by its number. `proof` may be NULL. */
bool proof_holds(const struct proof *proof, uint64_t number);

/* Whether a proved file is this inode. `proof` may be NULL. */
bool proof_has_inode(const struct proof *proof, const struct stat *status);

/*
 * Says that an entry was looked at after it was put in place, and is as its line says; `status` is what
 * the look found. Not for names of hard links. -1 if there is no memory.
 */
int proof_add(struct proof *proof, uint64_t number, const struct stat *status);

#endif
