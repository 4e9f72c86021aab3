/* Removing whole trees. Never follows a symlink, never crosses a mount (EBUSY). */
#ifndef FILES_REMOVAL_H
#define FILES_REMOVAL_H

/* The entry and all below it; nothing there is fine. 0, or -1 with errno; *call is what failed. */
int remove_tree(int parent, const char *name, const char **call);

#endif
