/* Copying the content of a regular file to a new one, for files. */
#ifndef FILES_COPY_H
#define FILES_COPY_H

#include <stdint.h>

/*
 * By reflink, in the kernel, or by read and write. `size` is what the source is thought to have: if that is
 * right, no call is spent on finding its end. 0, or -1 with errno; *call is what failed.
 */
int copy_content(int source, int target, int64_t size, const char **call);

#endif
