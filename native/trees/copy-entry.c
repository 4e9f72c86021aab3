/*
 * A regular file of a tree made from one of another tree; see copy-entry.h. One look-up of its name:
 * all that follows goes by the descriptor. Never writes into a file that it didn't make.
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
  /* Most modes are then right already. Set-id bits wait until it has its owner. */
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
