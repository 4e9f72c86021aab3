/* What the jobs that walk a tree by its manifest have in common: what they open and hold. */
#ifndef TREES_WALK_H
#define TREES_WALK_H

#include "hard-links.h"
#include "live-lines.h"
#include "tree-entry.h"

struct walk {
  int manifest;
  struct manifest_reader *reader;
  struct entry *entry;
  /* root -1: an empty tree. */
  struct tree tree;
  /* -1: there is no live tree. */
  int live_manifest;
  struct tree live_tree;
  struct live_lines live;
  struct groups groups;
  struct visit visit;
  bool done;
};

/*
 * Opens what the options `manifest`, `tree` and `live` name; the last two may be undefined. -1 with an
 * exception. To be released either way.
 */
int walk_open(JSContext *context, struct walk *walk, JSValueConst options);
void walk_release(JSRuntime *runtime, struct walk *walk);

#endif
