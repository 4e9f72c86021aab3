/* Makes the entries of a tree, regular files from those of another one, with everything that their lines say. */
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
 * Makes an entry that has no content, with its metadata; a directory without, and 0700 for now. 0, or -1 with
 * errno; *call is what failed.
 */
int entry_make(struct tree *tree, const struct entry *entry, const char **call);

/*
 * Links the file of the live tree, and looks at what it has linked: so the look is of the very inode that the
 * new tree has, whatever happens to the live name meanwhile. 1: it is as the line says, and *status is
 * its stat; 0: it isn't, or can't be linked, and nothing is left; -1 with errno, *call is what failed.
 */
int entry_link(struct tree *live, struct tree *tree, const struct entry *entry, struct visit *visit,
               struct stat *status, const char **call);

/* Removes the name again. Keeps errno if that works; else -1. */
int entry_unlink(struct tree *tree, const struct entry *entry);

/* Whether linking or opening failed because of this one live file, so that another way may work. */
bool is_fault_of_source(int error);

#endif
