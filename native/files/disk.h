/* The functions of native:files that tell what kind of disk a name is on; files.c has the table. */
#ifndef FILES_DISK_H
#define FILES_DISK_H

#include "native.h"

NATIVE(disk_times);
NATIVE(disk_is_mount);
NATIVE(disk_detach_mount);

#endif
