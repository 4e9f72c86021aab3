/* A regular file of a tree made from one of another tree, with all that its entry says of it. */
#ifndef TREES_COPY_ENTRY_H
#define TREES_COPY_ENTRY_H

#include "tree-entry.h"

/*
 * Makes the entry's file in `tree`, where nothing may stand, with the content of `source`. How it
 * stands then is in *made, but for what its metadata changed. 0, or -1 with errno and what failed in
 * *call; then nothing stands there.
 */
int entry_copy(int source, struct tree *tree, const struct entry *entry, struct stat *made,
               const char **call);

/* Gives what was just made without content its metadata. 0, or -1 with errno; *call is what failed. */
int entry_set_made(int parent, const struct entry *entry, const struct stat *made,
                   const char **call);

#endif
