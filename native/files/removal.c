/*
 * Removing whole trees. Trees can be deeper than a process may have descriptors, so only the
 * innermost directories stay open; those above are found again by `..`, and checked.
 */
#include "removal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "paths.h"

#define OPEN_LEVELS_MAX 32
#define PASSES_MAX 100

/* A directory that is being emptied. `stream` is NULL while it is closed. */
struct level {
  DIR *stream;
  dev_t device;
  ino_t inode;
  int passes;
  char name[NAME_LENGTH_MAX + 1];
};

struct removal {
  struct level *levels;
  size_t depth;
  size_t capacity;
  const char *call;
};

static void close_keeping_errno(int fd) {
  int saved_errno = errno;
  close(fd);
  errno = saved_errno;
}

static int open_stream(struct removal *removal, struct level *level, int fd) {
  removal->call = "readdir";
  level->stream = fdopendir(fd);
  if (!level->stream) close_keeping_errno(fd);
  return level->stream ? 0 : -1;
}

/* Goes into a directory: it becomes the innermost level. */
static int push(struct removal *removal, int parent, const char *name) {
  if (removal->depth == removal->capacity) {
    size_t capacity = removal->capacity ? removal->capacity * 2 : 16;
    struct level *levels = realloc(removal->levels, capacity * sizeof *levels);
    removal->call = "realloc";
    if (!levels) return -1;
    removal->levels = levels;
    removal->capacity = capacity;
  }
  removal->call = "open";
  int fd = open_directory_same_mount(parent, name);
  if (fd < 0) {
    if (errno == EXDEV) errno = EBUSY;
    return -1;
  }
  struct stat status, above;
  if (fstat(fd, &status) || fstat(parent, &above)) {
    close_keeping_errno(fd);
    return -1;
  }
  if (status.st_dev != above.st_dev) {
    close(fd);
    errno = EBUSY;
    return -1;
  }
  struct level *level = &removal->levels[removal->depth];
  level->device = status.st_dev;
  level->inode = status.st_ino;
  level->passes = 0;
  memcpy(level->name, name, strlen(name) + 1);
  if (open_stream(removal, level, fd)) return -1;
  removal->depth++;
  if (removal->depth > OPEN_LEVELS_MAX) {
    struct level *outer = &removal->levels[removal->depth - 1 - OPEN_LEVELS_MAX];
    closedir(outer->stream);
    outer->stream = NULL;
  }
  return 0;
}

/* Opens the level above the innermost one again, which must be the directory that it was. */
static int reopen_above(struct removal *removal) {
  struct level *above = &removal->levels[removal->depth - 2];
  if (above->stream) return 0;
  removal->call = "open";
  int inner = dirfd(removal->levels[removal->depth - 1].stream);
  int fd = openat(inner, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -1;
  struct stat status;
  if (fstat(fd, &status)) {
    close_keeping_errno(fd);
    return -1;
  }
  if (status.st_dev != above->device || status.st_ino != above->inode) {
    close(fd);
    errno = EBUSY;
    return -1;
  }
  return open_stream(removal, above, fd);
}

/* Leaves the innermost level, which is empty, and removes it. */
static int pop(struct removal *removal, int parent) {
  struct level *level = &removal->levels[removal->depth - 1];
  int above = parent;
  if (removal->depth > 1) {
    if (reopen_above(removal)) return -1;
    above = dirfd(removal->levels[removal->depth - 2].stream);
  }
  removal->call = "rmdir";
  bool removed = unlinkat(above, level->name, AT_REMOVEDIR) == 0 || errno == ENOENT;
  bool filled = !removed && (errno == ENOTEMPTY || errno == EEXIST);
  /* Some file systems lose their place when entries go away: once more, but not for ever. */
  if (filled && level->passes++ < PASSES_MAX) {
    rewinddir(level->stream);
    return 0;
  }
  int saved_errno = errno;
  closedir(level->stream);
  level->stream = NULL;
  removal->depth--;
  errno = saved_errno;
  return removed ? 0 : -1;
}

/* Removes what is no directory, or goes into it. */
static int remove_entry(struct removal *removal, int parent, const char *name, bool directory) {
  removal->call = "unlink";
  if (!directory) {
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) return 0;
    /* Linux says EISDIR, POSIX EPERM; the latter may also be meant. */
    if (errno != EISDIR && errno != EPERM) return -1;
    int saved_errno = errno;
    struct stat status;
    bool found = fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
    errno = saved_errno;
    if (!found || !S_ISDIR(status.st_mode)) return -1;
  }
  /* Many directories are empty already. */
  removal->call = "rmdir";
  if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT) return 0;
  if (errno != ENOTEMPTY && errno != EEXIST) return -1;
  return push(removal, parent, name);
}

/* Removes one entry of the innermost level, or the level itself when it is empty. */
static int advance(struct removal *removal, int parent) {
  struct level *level = &removal->levels[removal->depth - 1];
  removal->call = "readdir";
  struct dirent *entry;
  do {
    errno = 0;
    entry = readdir(level->stream);
  } while (entry && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
  if (!entry && errno) return -1;
  if (!entry) return pop(removal, parent);
  char name[NAME_LENGTH_MAX + 1];
  size_t length = strlen(entry->d_name);
  if (length > NAME_LENGTH_MAX) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy(name, entry->d_name, length + 1);
  return remove_entry(removal, dirfd(level->stream), name, entry->d_type == DT_DIR);
}

int remove_tree(int parent, const char *name, const char **call) {
  struct removal removal = {0};
  int result = remove_entry(&removal, parent, name, false);
  while (result == 0 && removal.depth > 0) result = advance(&removal, parent);
  int saved_errno = errno;
  for (size_t i = 0; i < removal.depth; i++) {
    if (removal.levels[i].stream) closedir(removal.levels[i].stream);
  }
  free(removal.levels);
  *call = removal.call;
  errno = saved_errno;
  return result;
}
