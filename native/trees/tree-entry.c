/* An entry of a manifest and what stands at its path in a tree; see tree-entry.h. */
#include "tree-entry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../files/damage.h"

int tree_open(struct tree *tree, int root) {
  int fd = fcntl(root, F_DUPFD_CLOEXEC, 0);
  *tree = (struct tree){.root = fd, .parent = fd};
  return fd < 0 ? -1 : 0;
}

void tree_leave_parent(struct tree *tree) {
  if (tree->parent >= 0 && tree->parent != tree->root) close(tree->parent);
  tree->parent = tree->root;
  tree->parent_length = 0;
  tree->generation++;
}

void tree_close(struct tree *tree) {
  if (tree->root < 0) return;
  tree_leave_parent(tree);
  close(tree->root);
  tree->root = tree->parent = -1;
}

int tree_parent(struct tree *tree, const struct entry *entry) {
  size_t length = entry->parent_length;
  if (length != tree->parent_length || memcmp(entry->path, tree->parent_path, length) != 0) {
    tree_leave_parent(tree);
    if (length > 0) {
      memcpy(tree->parent_path, entry->path, length);
      tree->parent_path[length] = 0;
      tree->parent_length = length;
      tree->parent = open_below(tree->root, tree->parent_path, O_RDONLY | O_DIRECTORY, 0);
      tree->parent_errno = errno;
    }
  }
  if (tree->parent < 0) errno = tree->parent_errno;
  return tree->parent;
}

bool is_absence(int error) { return error == ENOENT || error == ENOTDIR || error == ELOOP; }

int tree_stat(struct tree *tree, const struct entry *entry, struct stat *status) {
  int parent = tree_parent(tree, entry);
  if (parent >= 0 && fstatat(parent, entry_name(entry), status, AT_SYMLINK_NOFOLLOW) == 0) return 1;
  return is_absence(errno) ? 0 : -1;
}

int tree_stat_spare(struct tree *tree, const struct entry *entry, struct stat *status) {
  int found = tree_stat(tree, entry, status);
  return found < 0 && is_damage(errno) ? 0 : found;
}

struct metadata entry_metadata(const struct entry *entry) {
  return (struct metadata){entry->mode,     entry->uid,    entry->gid,
                           entry->modified, entry->xattrs, entry->xattr_count};
}

void visit_begin(struct visit *visit) { *visit = (struct visit){.way_back = -1}; }

int visit_end(struct visit *visit) {
  if (visit->way_back < 0) return 0;
  int way_back = visit->way_back;
  visit->way_back = -1;
  return directory_leave(way_back);
}

/* Makes the tree's open parent the working directory. */
static int visit_parent(struct visit *visit, const struct tree *tree) {
  if (visit->tree == tree && visit->generation == tree->generation) return 0;
  if (visit->way_back < 0) {
    visit->way_back = directory_enter(tree->parent);
    if (visit->way_back < 0) return -1;
  } else if (fchdir(tree->parent)) {
    return -1;
  }
  visit->tree = tree;
  visit->generation = tree->generation;
  return 0;
}

static int link_differs(const struct entry *entry, int parent) {
  char text[PATH_SIZE_MAX];
  ssize_t length = readlinkat(parent, entry_name(entry), text, sizeof text);
  if (length < 0) return -1;
  size_t expected = strlen(entry->link);
  return (size_t)length != expected || memcmp(text, entry->link, expected) != 0;
}

static int xattr_differs(const char *name, const struct xattr *xattr, const char **call) {
  uint8_t *value;
  size_t length;
  if (xattr_get(name, xattr->name, &value, &length, call)) {
    /* A namespace that the file system lacks holds nothing. */
    return errno == ENODATA || errno == ENOTSUP ? 1 : -1;
  }
  bool same = length == xattr->length && memcmp(value, xattr->value, length) == 0;
  free(value);
  return !same;
}

static bool entry_has_xattr(const struct entry *entry, const char *attribute) {
  for (size_t i = 0; i < entry->xattr_count; i++) {
    if (strcmp(entry->xattrs[i].name, attribute) == 0) return true;
  }
  return false;
}

static int xattrs_differ(const struct entry *entry, struct tree *tree, struct visit *visit,
                         const char **call) {
  *call = "fchdir";
  if (visit_parent(visit, tree)) return -1;
  const char *name = entry_name(entry);
  struct xattr_names names;
  if (xattr_list(name, &names, call)) return -1;
  size_t count = 0;
  for (size_t at = 0; at < names.size; at += strlen(names.names + at) + 1) {
    const char *attribute = names.names + at;
    if (!is_kernel_label(attribute) || entry_has_xattr(entry, attribute)) count++;
  }
  free(names.names);
  /*
   * If there are as many as there should be, and each of those is there, then there are no others.
   */
  if (count != entry->xattr_count) return 1;
  for (size_t i = 0; i < entry->xattr_count; i++) {
    int differs = xattr_differs(name, &entry->xattrs[i], call);
    if (differs) return differs;
  }
  return 0;
}

int stat_differences(const struct entry *entry, const struct disk_times *times,
                     const struct stat *status) {
  int found = 0;
  mode_t format = entry->format;
  /* Linux gives every symlink the same mode, and no way to change it. */
  if (format != S_IFLNK && (status->st_mode & 07777) != entry->mode) found |= DIFFERS_MODE;
  if (status->st_uid != entry->uid) found |= DIFFERS_UID;
  if (status->st_gid != entry->gid) found |= DIFFERS_GID;
  if (format == S_IFREG && status->st_size != entry->size) found |= DIFFERS_SIZE;
  if (!disk_times_match(times, status->st_mtim, entry->modified)) found |= DIFFERS_TIME;
  if ((format == S_IFCHR || format == S_IFBLK) &&
      (major(status->st_rdev) != entry->major || minor(status->st_rdev) != entry->minor)) {
    found |= DIFFERS_DEVICE;
  }
  return found;
}

int entry_differences(const struct entry *entry, struct tree *tree, const struct stat *status,
                      struct visit *visit, bool all, const char **call) {
  if ((status->st_mode & S_IFMT) != entry->format) return DIFFERS_TYPE;
  int found = stat_differences(entry, &tree->times, status);
  if (found && !all) return found;
  *call = "open";
  int parent = tree_parent(tree, entry);
  if (parent < 0) return -1;
  if (entry->format == S_IFLNK) {
    *call = "readlink";
    int differs = link_differs(entry, parent);
    if (differs < 0) return -1;
    if (differs) found |= DIFFERS_LINK;
    if (found && !all) return found;
  }
  int differs = xattrs_differ(entry, tree, visit, call);
  if (differs < 0) return -1;
  return differs ? found | DIFFERS_XATTR : found;
}
