/*
 * The manifest of the live tree, walked beside the target's: does it have the same line for a path?
 */
#ifndef TREES_LIVE_LINES_H
#define TREES_LIVE_LINES_H

#include "manifest-reader.h"

struct live_lines {
  struct manifest_reader *reader;
  /* Only its path is filled in, unless live_lines_entry was asked for the rest. */
  struct entry *entry;
  bool held;
  bool ended;
};

enum live_match { LIVE_FAILED = -1, LIVE_NONE, LIVE_OTHER, LIVE_SAME };

/* If it fails with an exception, there is nothing to release. */
int live_lines_open(JSContext *context, struct live_lines *live, int manifest);
void live_lines_close(JSRuntime *runtime, struct live_lines *live);

/* To be called in the manifest's order; the line is then in `reader`. LIVE_FAILED has thrown. */
enum live_match live_lines_match(JSContext *context, struct live_lines *live,
                                 const struct manifest_reader *target, const struct entry *entry);

/* That line, whole, after LIVE_OTHER or LIVE_SAME; NULL if it is malformed. */
const struct entry *live_lines_entry(struct live_lines *live);

#endif
