/*
 * Removes whole trees. Trees can be deeper than a process may have descriptors, so only the innermost
 * directories stay open; those above are found again by `..`, and checked. What can't be removed is passed
 * over, so that as little as possible is left, and its error is the result.
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

#include "damage.h"
#include "paths.h"
#include "stubborn.h"

#define OPEN_LEVELS_MAX 32
#define PASSES_MAX 100

/* A directory that is being emptied. `stream` is NULL while it is closed. */
struct level {
  DIR *stream;
  dev_t device;
  ino_t inode;
  int passes;
  /* Something in it could not be removed. */
  bool resists;
  char name[NAME_LENGTH_MAX + 1];
};

struct removal {
  struct level *levels;
  size_t depth;
  size_t capacity;
  const char *call;
  /* The way up is lost: nothing else can be done. */
  bool lost;
  /* What failed first, and its errno; 0: nothing yet. */
  const char *refused_call;
  int refused_errno;
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
  if (status.st_dev != above.st_dev && !is_subvolume(parent, name)) {
    close(fd);
    errno = EBUSY;
    return -1;
  }
  subvolume_open(fd);
  struct level *level = &removal->levels[removal->depth];
  level->device = status.st_dev;
  level->inode = status.st_ino;
  level->passes = 0;
  level->resists = false;
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
    removal->lost = reopen_above(removal) != 0;
    if (removal->lost) return -1;
    above = dirfd(removal->levels[removal->depth - 2].stream);
  }
  removal->call = "rmdir";
  bool resists = level->resists;
  bool removed =
      !resists && (unlink_stubborn(above, level->name, AT_REMOVEDIR) == 0 || errno == ENOENT);
  bool filled = !removed && !resists && (errno == ENOTEMPTY || errno == EEXIST);
  /* Some file systems lose their place when entries go away: once more, but not forever. */
  if (filled && level->passes++ < PASSES_MAX) {
    rewinddir(level->stream);
    return 0;
  }
  int saved_errno = errno;
  closedir(level->stream);
  level->stream = NULL;
  removal->depth--;
  if (resists && removal->depth > 0) removal->levels[removal->depth - 1].resists = true;
  errno = saved_errno;
  return removed || resists ? 0 : -1;
}

/* Removes anything but a directory, or goes into it. */
static int remove_entry(struct removal *removal, int parent, const char *name, bool directory) {
  removal->call = "unlink";
  if (!directory) {
    if (unlink_stubborn(parent, name, 0) == 0 || errno == ENOENT) return 0;
    /* For a directory Linux says EISDIR, POSIX EPERM, which may also mean just that. */
    if (errno != EISDIR && errno != EPERM) return -1;
    int saved_errno = errno;
    struct stat status;
    bool found = fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
    errno = saved_errno;
    if (!found || !S_ISDIR(status.st_mode)) return -1;
  }
  /* Many directories are already empty. */
  removal->call = "rmdir";
  if (unlink_stubborn(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT) return 0;
  if (errno != ENOTEMPTY && errno != EEXIST) return -1;
  return push(removal, parent, name);
}

static void note_refusal(struct removal *removal) {
  if (!removal->refused_errno) {
    removal->refused_errno = errno;
    removal->refused_call = removal->call;
  }
  if (removal->depth > 0) removal->levels[removal->depth - 1].resists = true;
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
  if (!entry) {
    /* What else is in it, nobody can tell. */
    if (errno) note_refusal(removal);
    return pop(removal, parent);
  }
  char name[NAME_LENGTH_MAX + 1];
  size_t length = strlen(entry->d_name);
  if (length > NAME_LENGTH_MAX) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy(name, entry->d_name, length + 1);
  return remove_entry(removal, dirfd(level->stream), name, entry->d_type == DT_DIR);
}

/* Notes what failed, and goes on past it. False if nothing more can be done. */
static bool pass_over(struct removal *removal) {
  bool resists =
      errno == EPERM || errno == EACCES || errno == EBUSY || errno == ENOTEMPTY || is_damage(errno);
  note_refusal(removal);
  return resists && !removal->lost;
}

int remove_tree(int parent, const char *name, const char **call) {
  struct removal removal = {0};
  int result = remove_entry(&removal, parent, name, false);
  while (removal.depth > 0) {
    result = advance(&removal, parent);
    if (result && !pass_over(&removal)) break;
  }
  if (removal.refused_errno) {
    removal.call = removal.refused_call;
    errno = removal.refused_errno;
    result = -1;
  }
  int saved_errno = errno;
  for (size_t i = 0; i < removal.depth; i++) {
    if (removal.levels[i].stream) closedir(removal.levels[i].stream);
  }
  free(removal.levels);
  *call = removal.call;
  errno = saved_errno;
  return result;
}
