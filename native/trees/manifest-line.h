/*
 * One line of a manifest (docs/FORMATS.md) taken apart. Allocates nothing: what a line holds is
 * decoded into the entry and its arena. Never lets a path leave the tree.
 */
#ifndef TREES_MANIFEST_LINE_H
#define TREES_MANIFEST_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "../files/metadata.h"
#include "../files/paths.h"

/* As MANIFEST_LINE_MAX of src/limits.ts, without the newline (bytes). */
#define LINE_LENGTH_MAX (128 * 1024)
#define DIGEST_SIZE 32
/* A list of names is at most XATTR_LIST_MAX_SIZE bytes; no real entry comes near this. */
#define XATTRS_MAX 256

struct entry {
  /* Unescaped, without `./`; "." is the root. NUL-terminated, as all texts here. */
  char path[PATH_SIZE_MAX];
  size_t path_length;
  /* Length of the path before the slash of the last name; 0: it is in the root (or is the root). */
  size_t parent_length;
  /* S_IFREG and so on, and the permissions. */
  mode_t format;
  mode_t mode;
  uint32_t uid, gid;
  int64_t size;
  struct timespec modified;
  char link[PATH_SIZE_MAX];
  uint32_t major, minor;
  uint8_t digest[DIGEST_SIZE];
  uint32_t links;
  /* The first name of the group of which this is a later name. */
  bool follower;
  char leader[PATH_SIZE_MAX];
  size_t leader_length;
  /* Sorted by name. They point into the arena. */
  struct xattr xattrs[XATTRS_MAX];
  size_t xattr_count;
  /* The attributes' names and values take less than the line that they came from. */
  char arena[LINE_LENGTH_MAX + 1];
};

/* NULL, or what is wrong with the line. */
const char *entry_parse(struct entry *entry, const char *line, size_t length);

/* The path alone. NULL, or what is wrong with it. */
const char *entry_parse_path(struct entry *entry, const char *line, size_t length);

/* The last name of the path. */
static inline const char *entry_name(const struct entry *entry) {
  return entry->parent_length ? entry->path + entry->parent_length + 1 : entry->path;
}

/* The order of a manifest: the root first, then by bytes. */
int path_compare(const char *a, size_t a_length, const char *b, size_t b_length);

/* What the manifest calls a type (of st_mode & S_IFMT). */
const char *format_name(mode_t format);

#endif
