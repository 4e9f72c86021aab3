/*
 * Paths below a handle (native/files/paths.c), in a small tree with links that lead out of it: both ways of
 * resolving, that of new kernels and that of old ones, open the same or refuse alike, and never anything outside.
 */
#include "../../native/files/paths.c"

#include <stdlib.h>

#include "support/fuzz.h"
#include "support/tree.h"

/* What is in the tree, with the tree itself. */
static const char *const inside[] = {".", "a", "a/b", "a/b/c", "a/file", "file"};
static ino_t inodes[sizeof inside / sizeof inside[0]];

static void make_tree(int root) {
  CHECK(mkdirat(root, "a", 0700) == 0 && mkdirat(root, "a/b", 0700) == 0);
  CHECK(mkdirat(root, "a/b/c", 0700) == 0);
  CHECK(symlinkat("..", root, "a/up") == 0 && symlinkat("/", root, "out") == 0);
  CHECK(symlinkat("a", root, "in") == 0 && symlinkat("file", root, "a/link") == 0);
  close(openat(root, "a/file", O_CREAT | O_WRONLY, 0600));
  close(openat(root, "file", O_CREAT | O_WRONLY, 0600));
  for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++) {
    struct stat status;
    CHECK(fstatat(root, inside[i], &status, 0) == 0);
    inodes[i] = status.st_ino;
  }
}

/* The inode of what was opened, or less the errno. It must be one of the tree. */
static int64_t opened(int fd) {
  struct stat status;
  if (fd < 0) return -errno;
  CHECK(fstat(fd, &status) == 0);
  close(fd);
  bool known = false;
  for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++) known |= inodes[i] == status.st_ino;
  CHECK(known);
  return (int64_t)status.st_ino;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  static int root = -1;
  if (root < 0) {
    root = fuzz_folder("paths");
    make_tree(root);
  }
  struct input input = {bytes, count};
  bool directory = input_byte(&input) & 1;
  int flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | (directory ? O_DIRECTORY : 0);
  char *path = malloc(input.count + 1);
  CHECK(path);
  if (input.count) memcpy(path, input.bytes, input.count);
  path[input.count] = 0;
  int64_t way = opened(open_below(root, path, flags, 0));
  if (check_path(path) == 0) CHECK(opened(open_by_names(root, path, flags, 0, false)) == way);
  struct place place;
  if (place_open(root, path, &place) == 0) {
    CHECK(!strchr(place.name, '/') && *place.name);
    if (place.owned) opened(dup(place.parent));
    opened(open_regular(place.parent, place.name, O_RDONLY, 0));
    place_close(&place);
  }
  opened(open_directory_same_mount(root, path));
  free(path);
  return 0;
}
