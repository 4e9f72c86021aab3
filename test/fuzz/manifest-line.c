/*
 * One line of a manifest (native/trees/manifest-line.c): what is taken stays in the tree and in its
 * limits, and the look at the path alone says the same of the path.
 */
#include "../../native/trees/manifest-line.h"

#include <stdlib.h>
#include <string.h>

#include "support/fuzz.h"

static void check_path(const char *path, size_t length) {
  CHECK(length > 0 && length < PATH_SIZE_MAX && strlen(path) == length);
  if (strcmp(path, ".") == 0) return;
  for (const char *name = path;;) {
    const char *end = strchrnul(name, '/');
    size_t name_length = (size_t)(end - name);
    CHECK(name_length > 0 && name_length <= NAME_LENGTH_MAX);
    CHECK(!(name_length == 1 && name[0] == '.'));
    CHECK(!(name_length == 2 && name[0] == '.' && name[1] == '.'));
    if (!*end) return;
    name = end + 1;
  }
}

static void check_xattrs(const struct entry *entry) {
  const char *end = entry->arena + sizeof entry->arena;
  CHECK(entry->xattr_count <= XATTRS_MAX);
  for (size_t i = 0; i < entry->xattr_count; i++) {
    const struct xattr *xattr = &entry->xattrs[i];
    CHECK(xattr->name >= entry->arena && xattr->name < end && *xattr->name);
    CHECK((const char *)xattr->value == xattr->name + strlen(xattr->name) + 1);
    CHECK((const char *)xattr->value + xattr->length <= end);
    CHECK(i == 0 || strcmp(entry->xattrs[i - 1].name, xattr->name) < 0);
  }
}

static void check_entry(const struct entry *entry) {
  check_path(entry->path, entry->path_length);
  CHECK(entry->parent_length < entry->path_length);
  CHECK(entry->parent_length == 0 || entry->path[entry->parent_length] == '/');
  CHECK(strchr(entry_name(entry), '/') == NULL);
  CHECK(entry->size >= 0 && entry->mode <= 07777);
  CHECK(entry->modified.tv_nsec >= 0 && entry->modified.tv_nsec < 1000000000);
  CHECK(strcmp(format_name(entry->format), "file") != 0 || entry->format == S_IFREG);
  if (entry->format == S_IFLNK) CHECK(entry->link[0] && strlen(entry->link) < PATH_SIZE_MAX);
  if (entry->follower) {
    check_path(entry->leader, entry->leader_length);
    CHECK(entry->format == S_IFREG && entry->links > 1);
    CHECK(path_compare(entry->leader, entry->leader_length, entry->path, entry->path_length) < 0);
  }
  check_xattrs(entry);
}

/* That nothing is left of what was in the entry before: the same line was parsed over other bytes. */
static void check_same(const struct entry *one, const struct entry *other) {
  CHECK(strcmp(one->path, other->path) == 0 && one->parent_length == other->parent_length);
  CHECK(one->format == other->format && one->mode == other->mode);
  CHECK(one->uid == other->uid && one->gid == other->gid && one->size == other->size);
  CHECK(one->modified.tv_sec == other->modified.tv_sec &&
        one->modified.tv_nsec == other->modified.tv_nsec);
  CHECK(one->major == other->major && one->minor == other->minor && one->links == other->links);
  if (one->format == S_IFLNK) CHECK(strcmp(one->link, other->link) == 0);
  if (one->format == S_IFREG) CHECK(memcmp(one->digest, other->digest, DIGEST_SIZE) == 0);
  CHECK(one->follower == other->follower && one->xattr_count == other->xattr_count);
  if (one->follower) CHECK(strcmp(one->leader, other->leader) == 0);
  for (size_t i = 0; i < one->xattr_count; i++) {
    const struct xattr *a = &one->xattrs[i], *b = &other->xattrs[i];
    CHECK(strcmp(a->name, b->name) == 0 && a->length == b->length);
    CHECK(memcmp(a->value, b->value, a->length) == 0);
  }
}

static struct entry *poisoned(struct entry **kept, int byte) {
  if (!*kept) *kept = malloc(sizeof **kept);
  CHECK(*kept);
  memset(*kept, byte, offsetof(struct entry, arena));
  return *kept;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  static struct entry *first, *second;
  struct entry *entry = poisoned(&first, 0xa5), *other = poisoned(&second, 0x5a);
  char *line = (char *)exact_copy(bytes, count);
  const char *problem = entry_parse(entry, line, count);
  CHECK(entry_parse(other, line, count) == problem);
  if (!problem) {
    check_entry(entry);
    check_same(entry, other);
    other = poisoned(&second, 0x5a);
    CHECK(!entry_parse_path(other, line, count));
    CHECK(other->path_length == entry->path_length &&
          memcmp(other->path, entry->path, entry->path_length + 1) == 0);
  }
  free(line);
  return 0;
}
