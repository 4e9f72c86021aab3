/* Owners, modes, times and extended attributes of single entries; see metadata.h. */
#include "metadata.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Of an open file, or if fd is -1, of a name in the working directory. */
static ssize_t list_names(int fd, const char *name, char *memory, size_t size) {
  return fd < 0 ? llistxattr(name, memory, size) : flistxattr(fd, memory, size);
}

static int list_xattrs(int fd, const char *name, struct xattr_names *names, const char **call) {
  *names = (struct xattr_names){NULL, 0};
  *call = "listxattr";
  for (;;) {
    ssize_t size = list_names(fd, name, NULL, 0);
    if (size < 0) return errno == ENOTSUP || errno == ENOSYS ? 0 : -1;
    if (size == 0) return 0;
    char *memory = malloc((size_t)size);
    if (!memory) return -1;
    ssize_t read = list_names(fd, name, memory, (size_t)size);
    if (read > 0 && memory[read - 1] == 0) {
      *names = (struct xattr_names){memory, (size_t)read};
      return 0;
    }
    int saved_errno = errno;
    free(memory);
    if (read == 0) return 0;
    /* ERANGE: somebody added one in between. */
    errno = read > 0 ? EIO : saved_errno;
    if (errno != ERANGE) return -1;
  }
}

int xattr_list(const char *name, struct xattr_names *names, const char **call) {
  return list_xattrs(-1, name, names, call);
}

int xattr_get(const char *name, const char *attribute, uint8_t **value, size_t *length,
              const char **call) {
  *call = "getxattr";
  for (;;) {
    ssize_t size = lgetxattr(name, attribute, NULL, 0);
    if (size < 0) return -1;
    *value = malloc((size_t)size + 1);
    if (!*value) return -1;
    ssize_t read = size ? lgetxattr(name, attribute, *value, (size_t)size) : 0;
    if (read >= 0) {
      *length = (size_t)read;
      return 0;
    }
    int saved_errno = errno;
    free(*value);
    errno = saved_errno;
    if (errno != ERANGE) return -1;
  }
}

int directory_enter(int directory) {
  int way_back;
  do way_back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  while (way_back < 0 && errno == EINTR);
  /* Confined it may go back to what it may not read. */
  if (way_back < 0) way_back = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (way_back < 0) way_back = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (way_back < 0) return -1;
  if (fchdir(directory) == 0) return way_back;
  int saved_errno = errno;
  close(way_back);
  errno = saved_errno;
  return -1;
}

int directory_leave(int way_back) {
  int saved_errno = errno;
  int result = fchdir(way_back);
  if (result) saved_errno = errno;
  close(way_back);
  errno = saved_errno;
  return result;
}

bool is_kernel_label(const char *attribute) {
  return strcmp(attribute, "security.selinux") == 0 || strcmp(attribute, "security.SMACK64") == 0;
}

static bool is_wanted(const struct metadata *metadata, const char *attribute) {
  for (size_t i = 0; i < metadata->xattr_count; i++) {
    if (strcmp(metadata->xattrs[i].name, attribute) == 0) return true;
  }
  return false;
}

static int remove_xattr(int fd, const char *name, const char *attribute) {
  return fd < 0 ? lremovexattr(name, attribute) : fremovexattr(fd, attribute);
}

static int set_xattr(int fd, const char *name, const struct xattr *xattr) {
  return fd < 0 ? lsetxattr(name, xattr->name, xattr->value, xattr->length, 0)
                : fsetxattr(fd, xattr->name, xattr->value, xattr->length, 0);
}

static int set_xattrs(int fd, const char *name, const struct metadata *metadata,
                      const char **call) {
  struct xattr_names names;
  if (list_xattrs(fd, name, &names, call)) return -1;
  for (size_t at = 0; at < names.size; at += strlen(names.names + at) + 1) {
    const char *attribute = names.names + at;
    if (is_wanted(metadata, attribute) || is_kernel_label(attribute)) continue;
    if (remove_xattr(fd, name, attribute) == 0 || errno == ENODATA) continue;
    int saved_errno = errno;
    free(names.names);
    *call = "removexattr";
    errno = saved_errno;
    return -1;
  }
  free(names.names);
  *call = "setxattr";
  for (size_t i = 0; i < metadata->xattr_count; i++) {
    if (set_xattr(fd, name, &metadata->xattrs[i])) return -1;
  }
  return 0;
}

int metadata_set(int parent, const char *name, const struct stat *status,
                 const struct metadata *metadata, const char **call) {
  *call = "chown";
  if (fchownat(parent, name, metadata->uid, metadata->gid, AT_SYMLINK_NOFOLLOW)) return -1;
  *call = "chmod";
  if (!S_ISLNK(status->st_mode) && fchmodat(parent, name, metadata->mode & 07777, 0)) return -1;
  *call = "fchdir";
  int way_back = directory_enter(parent);
  if (way_back < 0) return -1;
  int failed = set_xattrs(-1, name, metadata, call);
  if (directory_leave(way_back) && !failed) {
    *call = "fchdir";
    failed = -1;
  }
  if (failed) return -1;
  *call = "utimens";
  struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, metadata->modified};
  return utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW);
}

int metadata_set_open(int fd, const struct stat *status, const struct metadata *metadata,
                      const char **call) {
  /* Changing the owner clears set-id bits and the attribute that holds capabilities. */
  bool owned = status->st_uid == metadata->uid && status->st_gid == metadata->gid;
  *call = "chown";
  if (!owned && fchown(fd, metadata->uid, metadata->gid)) return -1;
  mode_t mode = metadata->mode & 07777;
  *call = "chmod";
  if ((!owned || (status->st_mode & 07777) != mode) && fchmod(fd, mode)) return -1;
  if (set_xattrs(fd, NULL, metadata, call)) return -1;
  *call = "utimens";
  struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, metadata->modified};
  return futimens(fd, times);
}
