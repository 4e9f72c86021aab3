/* Copying the content of a regular file to a new one, for files. */
#ifndef FILES_COPY_H
#define FILES_COPY_H

/* By reflink, in the kernel, or read and write. 0, or -1 with errno; *call is what failed. */
int copy_content(int source, int target, const char **call);

#endif
