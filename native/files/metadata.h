/*
 * Owners, modes, times and extended attributes of single entries, for files and trees. An entry is a name
 * in an open directory; none of these ever follows a symlink. Attributes of a name can only be reached
 * through the working directory, which the callers of xattr_* must be in.
 */
#ifndef FILES_METADATA_H
#define FILES_METADATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* Linux's XATTR_LIST_MAX and XATTR_SIZE_MAX (bytes). */
#define XATTR_LIST_MAX_SIZE 65536
#define XATTR_VALUE_MAX_SIZE 65536

struct xattr {
  const char *name;
  const uint8_t *value;
  size_t length;
};

struct metadata {
  mode_t mode;
  uid_t uid;
  gid_t gid;
  struct timespec modified;
  /* Sorted or not; what is not among them is removed. */
  const struct xattr *xattrs;
  size_t xattr_count;
};

/* Names of attributes, each ended by NUL; `size` 0 if there are none. To be freed (names). */
struct xattr_names {
  char *names;
  size_t size;
};

/* The calls below return 0, or -1 with errno, and say in *call what failed. */

/* Of an entry of the working directory. */
int xattr_list(const char *name, struct xattr_names *names, const char **call);
/* The value, to be freed; its length in *length. One that went away in between is ENODATA. */
int xattr_get(const char *name, const char *attribute, uint8_t **value, size_t *length,
              const char **call);

/*
 * Whether the kernel itself gives entries this attribute, by the policy that is loaded: where nobody
 * asked for one, one is no difference, and can't be removed.
 */
bool is_kernel_label(const char *attribute);

/* Goes into a directory; the way back for directory_leave, or -1 with errno. */
int directory_enter(int directory);
int directory_leave(int way_back);

/* Sets owner, mode (not of a symlink), attributes, times. `status` is the entry's at present. */
int metadata_set(int parent, const char *name, const struct stat *status,
                 const struct metadata *metadata, const char **call);

/* The same of an open file or directory; what its `status` shows to be right already is left. */
int metadata_set_open(int fd, const struct stat *status, const struct metadata *metadata,
                      const char **call);

#endif
