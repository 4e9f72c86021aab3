/* How a path below a directory handle is resolved; see paths.h for what each function promises. */
#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/openat2.h, which musl's headers don't bring. */
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#define BENEATH 0x08
#define NO_SYMLINKS 0x04
#define NO_MOUNTS 0x01

struct open_how_v0 {
  uint64_t flags;
  uint64_t mode;
  uint64_t resolve;
};

/* A rename elsewhere on the system makes the kernel ask for another try. */
#define TRIES_MAX 128

/* Refuses what no entry of a tree can be called, so that all kernels refuse alike. */
static int check_path(const char *path) {
  size_t length = strlen(path);
  errno = 0;
  if (length == 0) errno = ENOENT;
  if (length >= PATH_SIZE_MAX) errno = ENAMETOOLONG;
  if (path[0] == '/') errno = EXDEV;
  if (errno) return -1;
  for (const char *name = path;;) {
    const char *end = strchrnul(name, '/');
    if (end == name) errno = EINVAL;
    if (end - name == 2 && name[0] == '.' && name[1] == '.') errno = EXDEV;
    if (errno) return -1;
    if (!*end) return 0;
    name = end + 1;
  }
}

/* O_DIRECTORY with O_NOFOLLOW says ENOTDIR of a symlink; openat2 says ELOOP, and so do we. */
static int open_name(int parent, const char *name, int flags, mode_t mode) {
  int fd;
  do fd = openat(parent, name, flags, mode);
  while (fd < 0 && errno == EINTR);
  if (fd >= 0 || errno != ENOTDIR) return fd;
  struct stat status;
  bool link = fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
  errno = link ? ELOOP : ENOTDIR;
  return -1;
}

/* For kernels before 5.6: one name after the other, none of them a symlink. */
static int open_by_names(int directory, const char *path, int flags, mode_t mode, bool same_mount) {
  struct stat first, here;
  if (same_mount && fstat(directory, &first)) return -1;
  int parent = directory;
  int fd = -1;
  for (const char *name = path;;) {
    const char *end = strchrnul(name, '/');
    size_t length = (size_t)(end - name);
    char copy[NAME_LENGTH_MAX + 1];
    if (length > NAME_LENGTH_MAX) {
      errno = ENAMETOOLONG;
      fd = -1;
    } else {
      memcpy(copy, name, length);
      copy[length] = 0;
      int middle = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
      fd = open_name(parent, copy, *end ? middle : flags, mode);
    }
    int saved_errno = errno;
    if (parent != directory) close(parent);
    errno = saved_errno;
    if (fd < 0) return -1;
    if (same_mount && (fstat(fd, &here) || here.st_dev != first.st_dev)) {
      close(fd);
      errno = EXDEV;
      return -1;
    }
    if (!*end) return fd;
    parent = fd;
    name = end + 1;
  }
}

/* openat2 says ENOTDIR of a symlink at the end, and ELOOP of any other; we say ELOOP of both. */
static int errno_of_no_directory(int directory, const char *path, uint64_t resolve) {
  struct open_how_v0 how = {O_PATH | O_NOFOLLOW | O_CLOEXEC, 0, resolve};
  int fd = (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
  if (fd < 0) return errno;
  struct stat status;
  bool link = fstat(fd, &status) == 0 && S_ISLNK(status.st_mode);
  close(fd);
  return link ? ELOOP : ENOTDIR;
}

static int open_resolved(int directory, const char *path, int flags, mode_t mode,
                         uint64_t resolve) {
  static bool without_openat2;
  flags |= O_CLOEXEC | O_NOFOLLOW;
  for (int tries = 0; !without_openat2 && tries < TRIES_MAX; tries++) {
    uint64_t new_mode = flags & O_CREAT ? mode & 07777 : 0;
    struct open_how_v0 how = {(uint64_t)(uint32_t)flags, new_mode, resolve};
#ifdef O_LARGEFILE
    /* Which openat2 refuses where nothing is to be read. */
    if (!(flags & O_PATH)) how.flags |= O_LARGEFILE;
#endif
    long fd = syscall(SYS_openat2, directory, path, &how, sizeof how);
    if (fd >= 0) return (int)fd;
    if (errno == ENOSYS) without_openat2 = true;
    /* Old sandboxes answer EPERM to a call that they don't know. */
    else if (errno == EPERM) break;
    else if (errno != EAGAIN && errno != EINTR) {
      if (errno == ENOTDIR) errno = errno_of_no_directory(directory, path, resolve);
      return -1;
    }
  }
  return open_by_names(directory, path, flags, mode, resolve & NO_MOUNTS);
}

int open_below(int directory, const char *path, int flags, mode_t mode) {
  if (check_path(path)) return -1;
  if (!strchr(path, '/')) return open_name(directory, path, flags | O_CLOEXEC | O_NOFOLLOW, mode);
  return open_resolved(directory, path, flags, mode, BENEATH | NO_SYMLINKS);
}

int open_directory_same_mount(int directory, const char *path) {
  if (check_path(path)) return -1;
  uint64_t resolve = BENEATH | NO_SYMLINKS | NO_MOUNTS;
  return open_resolved(directory, path, O_RDONLY | O_DIRECTORY, 0, resolve);
}

int place_open(int directory, const char *path, struct place *place) {
  place->parent = directory;
  place->owned = false;
  if (check_path(path)) return -1;
  const char *slash = strrchr(path, '/');
  place->name = slash ? slash + 1 : path;
  if (!slash) return 0;
  char parent[PATH_SIZE_MAX];
  size_t length = (size_t)(slash - path);
  memcpy(parent, path, length);
  parent[length] = 0;
  place->parent = open_below(directory, parent, O_RDONLY | O_DIRECTORY, 0);
  if (place->parent < 0) return -1;
  place->owned = true;
  return 0;
}

void place_close(struct place *place) {
  int saved_errno = errno;
  if (place->owned) close(place->parent);
  place->owned = false;
  errno = saved_errno;
}

/* O_NONBLOCK stays: a regular file has no use for it, and taking it back costs two calls. */
int open_seen(int parent, const char *name, int flags, mode_t mode) {
  int fd = open_name(parent, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, mode);
  if (fd < 0) return -1;
  struct stat status;
  if (fstat(fd, &status) == 0) {
    if (S_ISREG(status.st_mode)) return fd;
    errno = EINVAL;
  }
  int saved_errno = errno;
  close(fd);
  errno = saved_errno;
  return -1;
}

int is_mount(int directory, const char *path) {
  struct place place;
  if (place_open(directory, path, &place)) return -1;
  int fd = open_resolved(place.parent, place.name, O_PATH, 0, BENEATH | NO_SYMLINKS | NO_MOUNTS);
  place_close(&place);
  if (fd < 0) return errno == EXDEV ? 1 : -1;
  close(fd);
  return 0;
}

/*
 * The type is checked before and after: opening a device can do harm (a watchdog starts), so that isn't
 * tried; what was swapped in between is caught afterwards.
 */
int open_regular(int parent, const char *name, int flags, mode_t mode) {
  struct stat status;
  int missing = fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW);
  if (missing && (errno != ENOENT || !(flags & O_CREAT))) return -1;
  if (!missing && !S_ISREG(status.st_mode)) {
    errno = S_ISDIR(status.st_mode) ? EISDIR : S_ISLNK(status.st_mode) ? ELOOP : EINVAL;
    return -1;
  }
  return open_seen(parent, name, flags, mode);
}
