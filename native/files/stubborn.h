/*
 * Removing one entry that resists: flags (immutable, append-only) are taken off it and its directory, and
 * a btrfs subvolume goes as one. An inode that has names elsewhere gets its flags back.
 */
#ifndef FILES_STUBBORN_H
#define FILES_STUBBORN_H

#include <stdbool.h>

/* As unlinkat. 0, or -1 with errno. */
int unlink_stubborn(int parent, const char *name, int flags);

/*
 * Takes the flags off a name; what is neither a file nor a directory has none. 1: it had some; 0: none;
 * -1 with errno.
 */
int flags_clear_name(int parent, const char *name);

/*
 * Makes sure that entries may come and go in a directory. EBUSY if something is mounted there, whose
 * content is somebody else's. 0, or -1 with errno.
 */
int directory_claim(int parent, const char *name);

/* Whether the name is a btrfs subvolume, or something that looks like the root of one. */
bool is_subvolume(int parent, const char *name);

/* Makes a read-only subvolume writable, so that what is in it can be removed; anything else is left. */
void subvolume_open(int directory);

#endif
