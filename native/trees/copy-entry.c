/*
 * New entries of a tree; see copy-entry.h. A copy looks its name up once: everything after that goes by the
 * descriptor. Never writes into a file that it didn't make.
 */
#include "copy-entry.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../files/copy.h"

int entry_copy(int source, struct tree *tree, const struct entry *entry, struct stat *made,
               const char **call) {
  *call = "open";
  int parent = tree_parent(tree, entry);
  if (parent < 0) return -1;
  const char *name = entry_name(entry);
  /* So most modes are right from the start. Set-id bits wait until the file has its owner. */
  int fd = open_below(parent, name, O_WRONLY | O_CREAT | O_EXCL, entry->mode & 0777);
  if (fd < 0) return -1;
  int result = copy_content(source, fd, entry->size, call);
  if (result == 0) {
    struct metadata metadata = entry_metadata(entry);
    *call = "stat";
    result = fstat(fd, made) || metadata_set_open(fd, made, &metadata, call) ? -1 : 0;
  }
  int saved_errno = errno;
  close(fd);
  if (result) unlinkat(parent, name, 0);
  errno = saved_errno;
  return result;
}

int entry_set_made(int parent, const struct entry *entry, const struct stat *made,
                   const char **call) {
  const char *name = entry_name(entry);
  struct metadata metadata = entry_metadata(entry);
  /* A new symlink has no attributes to remove. */
  if (entry->format != S_IFLNK || entry->xattr_count > 0) {
    return metadata_set(parent, name, made, &metadata, call);
  }
  struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, entry->modified};
  *call = "chown";
  if (fchownat(parent, name, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW)) return -1;
  *call = "utimens";
  return utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW);
}

bool is_fault_of_source(int error) {
  return error == EXDEV || error == EMLINK || error == EPERM || error == EACCES || error == ENOENT;
}
