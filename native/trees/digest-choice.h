/*
 * Which lines of a manifest an index of digests holds. An upgrade asks only for what changed, so that is what
 * costs memory.
 */
#ifndef TREES_DIGEST_CHOICE_H
#define TREES_DIGEST_CHOICE_H

#include "digest-filter.h"
#include "live-lines.h"

struct digest_choice {
  /* Only lines that this other manifest lacks; -1: whether or not. */
  int without;
  struct live_lines others;
  /* Only content of the lines of that manifest that this one lacks; -1: all content. */
  int wanted_by;
  struct digest_filter wanted;
  /* Only content that several lines have: what was met once, and what was met again. */
  bool repeated;
  struct digest_filter once, again;
};

/* By the options of the index of a manifest; undefined: all lines. To be released either way. -1 with an exception. */
int digest_choice_open(JSContext *context, struct digest_choice *choice, int manifest,
                       JSValueConst options);
void digest_choice_release(JSRuntime *runtime, struct digest_choice *choice);

/* Whether the index holds the entry, of all that `reader` reads in turn: 1, 0, or -1 with an exception. */
int digest_choice_takes(JSContext *context, struct digest_choice *choice,
                        const struct manifest_reader *reader, const struct entry *entry);

#endif
