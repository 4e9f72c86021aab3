/* Removes one entry that resists; see stubborn.h. Runs only after the plain call has failed. */
#include "stubborn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "paths.h"

/* linux/fs.h and linux/btrfs.h, which musl's headers don't bring. The flags are an int, whatever the size says. */
#define GET_FLAGS _IOR('f', 1, long)
#define SET_FLAGS _IOW('f', 2, long)
#define FLAG_IMMUTABLE 0x10
#define FLAG_APPEND 0x20
#define BTRFS_MAGIC 0x9123683e
/* The number of the root of every subvolume. */
#define SUBVOLUME_INODE 256
struct subvolume_name {
  int64_t fd;
  char name[4088];
};
#define DESTROY_SUBVOLUME _IOW(0x94, 15, struct subvolume_name)
#define SET_SUBVOLUME_FLAGS _IOW(0x94, 26, uint64_t)

static int open_flagged(int parent, const char *name) {
  struct stat status;
  if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW)) return -1;
  if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return -1;
  return openat(parent, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
}

/* `before` is set if there were some. */
static int take_flags(int fd, int *before) {
  int flags = 0;
  /* A file system without flags has none that resist. */
  if (ioctl(fd, GET_FLAGS, &flags) || !(flags & (FLAG_IMMUTABLE | FLAG_APPEND))) return 0;
  *before = flags;
  flags &= ~(FLAG_IMMUTABLE | FLAG_APPEND);
  return ioctl(fd, SET_FLAGS, &flags) ? -1 : 1;
}

int flags_clear_name(int parent, const char *name) {
  int fd = open_flagged(parent, name);
  if (fd < 0) return 0;
  int before;
  int result = take_flags(fd, &before);
  int saved_errno = errno;
  close(fd);
  errno = saved_errno;
  return result;
}

int directory_claim(int parent, const char *name) {
  int fd = open_directory_same_mount(parent, name);
  if (fd < 0) {
    if (errno == EXDEV) errno = EBUSY;
    return -1;
  }
  int before;
  (void)take_flags(fd, &before);
  close(fd);
  return 0;
}

bool is_subvolume(int parent, const char *name) {
  struct statfs disk;
  struct stat status;
  return fstatfs(parent, &disk) == 0 && (uint32_t)disk.f_type == BTRFS_MAGIC &&
         fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode) &&
         status.st_ino == SUBVOLUME_INODE;
}

/* With everything in it except other subvolumes (ENOTEMPTY). A mount is no subvolume (EINVAL). */
static int destroy_subvolume(int parent, const char *name) {
  struct subvolume_name destroyed = {0};
  size_t length = strlen(name);
  if (length >= sizeof destroyed.name) return -1;
  memcpy(destroyed.name, name, length);
  return ioctl(parent, DESTROY_SUBVOLUME, &destroyed);
}

void subvolume_open(int directory) {
  uint64_t flags = 0;
  if (is_subvolume(directory, ".")) (void)ioctl(directory, SET_SUBVOLUME_FLAGS, &flags);
}

/* The removal was refused: tries again without the flags of the entry and its directory. */
static int unlink_flagged(int parent, const char *name, int flags) {
  int refused = errno;
  int before = 0;
  int parent_before;
  bool freed = take_flags(parent, &parent_before) > 0;
  int fd = open_flagged(parent, name);
  bool taken = fd >= 0 && take_flags(fd, &before) > 0;
  errno = refused;
  int result = freed || taken ? unlinkat(parent, name, flags) : -1;
  int saved_errno = errno;
  struct stat status;
  /* Another tree has it as well, maybe the running one. */
  if (taken && fstat(fd, &status) == 0 && !S_ISDIR(status.st_mode) && status.st_nlink > 0) {
    (void)ioctl(fd, SET_FLAGS, &before);
  }
  if (fd >= 0) close(fd);
  errno = saved_errno;
  return result;
}

int unlink_stubborn(int parent, const char *name, int flags) {
  if (unlinkat(parent, name, flags) == 0) return 0;
  if ((flags & AT_REMOVEDIR) && errno != ENOENT && is_subvolume(parent, name)) {
    int saved_errno = errno;
    if (destroy_subvolume(parent, name) == 0) return 0;
    errno = saved_errno;
  }
  if (errno != EPERM && errno != EACCES) return -1;
  return unlink_flagged(parent, name, flags);
}
