/* Makes a regular file of one tree from one of another, with everything that its entry says. */
#ifndef TREES_COPY_ENTRY_H
#define TREES_COPY_ENTRY_H

#include "tree-entry.h"

/*
 * Makes the entry's file in `tree`, where there must be nothing yet, with the content of `source`. *made is
 * its stat from before it got its metadata. 0, or -1 with errno and the call that failed in *call; then
 * nothing is left there.
 */
int entry_copy(int source, struct tree *tree, const struct entry *entry, struct stat *made,
               const char **call);

/*
 * Gives an entry that was just made, and has no content, its metadata. 0, or -1 with errno; *call is what
 * failed.
 */
int entry_set_made(int parent, const struct entry *entry, const struct stat *made,
                   const char **call);

/* Whether linking or opening failed because of this one live file, so that another way may work. */
bool is_fault_of_source(int error);

#endif
