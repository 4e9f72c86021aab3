/*
 * How a path below a directory handle is resolved, for files and trees. It never leaves the
 * directory and never follows a symbolic link: the directory of the last name is opened, and the
 * caller uses the last name with a call that doesn't follow either.
 */
#ifndef FILES_PATHS_H
#define FILES_PATHS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Bytes of the longest path, with its NUL, and of the longest name. */
#define PATH_SIZE_MAX 4096
#define NAME_LENGTH_MAX 255

/* The last name of a path, and the directory that it is in. `name` points into the path. */
struct place {
  int parent;
  const char *name;
  bool owned;
};

/* 0, or -1 with errno. To be closed by place_close, which keeps errno. */
int place_open(int directory, const char *path, struct place *place);
void place_close(struct place *place);

/* Opens a path below a directory, O_CLOEXEC and O_NOFOLLOW. -1 with errno (ELOOP at a symlink). */
int open_below(int directory, const char *path, int flags, mode_t mode);

/* Opens a directory without crossing a mount (EXDEV), as far as the kernel can tell. */
int open_directory_same_mount(int directory, const char *path);

/* Whether something is mounted at the path itself: 1, 0, or -1 with errno. See isMount in files.d.ts. */
int is_mount(int directory, const char *path);

/* Opens a name of `parent` if it is a regular file, else EISDIR, ELOOP, EINVAL. Never blocks. */
int open_regular(int parent, const char *name, int flags, mode_t mode);

/* The same for a name whose stat has just said that it is a regular file. */
int open_seen(int parent, const char *name, int flags, mode_t mode);

#endif
