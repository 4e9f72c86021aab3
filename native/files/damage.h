/* What a disk says that can no longer give a block, a name or a folder; all else goes on. */
#ifndef FILES_DAMAGE_H
#define FILES_DAMAGE_H

#include <stdbool.h>

/*
 * The disk itself refuses (EIO), or the file system found that what it reads can't be right; ENOKEY: it is
 * encrypted, and nobody has the key. It is the entry's fault, and not ours or the machine's.
 */
bool is_damage(int error);

#endif
