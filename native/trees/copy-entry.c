/*
 * New entries of a tree; see copy-entry.h. A copy looks its name up once: everything after that goes by the
 * descriptor. Never writes into a file that it didn't make.
 */
#include "copy-entry.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../files/copy.h"
#include "../files/damage.h"

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

static int set_made(int parent, const struct entry *entry, const struct stat *made,
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

int entry_make(struct tree *tree, const struct entry *entry, const char **call) {
  *call = "open";
  int parent = tree_parent(tree, entry);
  if (parent < 0) return -1;
  const char *name = entry_name(entry);
  if (entry->format == S_IFDIR) {
    *call = "mkdir";
    return mkdirat(parent, name, 0700);
  }
  struct stat status = {.st_mode = entry->format};
  if (entry->format == S_IFLNK) {
    *call = "symlink";
    if (symlinkat(entry->link, parent, name)) return -1;
  } else {
    *call = "mknod";
    dev_t device = makedev(entry->major, entry->minor);
    if (mknodat(parent, name, entry->format | 0600, device)) return -1;
  }
  return set_made(parent, entry, &status, call);
}

int entry_link(struct tree *live, struct tree *tree, const struct entry *entry, struct visit *visit,
               struct stat *status, const char **call) {
  *call = "open";
  int source = tree_parent(live, entry);
  if (source < 0) return is_absence(errno) || is_damage(errno) ? 0 : -1;
  int target = tree_parent(tree, entry);
  if (target < 0) return -1;
  *call = "link";
  const char *name = entry_name(entry);
  if (linkat(source, name, target, name, 0)) return is_fault_of_source(errno) ? 0 : -1;
  *call = "stat";
  int differs = fstatat(target, name, status, AT_SYMLINK_NOFOLLOW);
  if (differs == 0) differs = entry_differences(entry, tree, status, visit, false, call);
  if (differs == 0) return 1;
  bool failed = differs < 0 && !is_damage(errno);
  return entry_unlink(tree, entry) || failed ? -1 : 0;
}

int entry_unlink(struct tree *tree, const struct entry *entry) {
  int saved_errno = errno;
  int parent = tree_parent(tree, entry);
  if (parent < 0 || unlinkat(parent, entry_name(entry), 0)) return -1;
  errno = saved_errno;
  return 0;
}

bool is_fault_of_source(int error) {
  return error == EXDEV || error == EMLINK || error == EPERM || error == EACCES ||
         error == ENOENT || is_damage(error);
}
