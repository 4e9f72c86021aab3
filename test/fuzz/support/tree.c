/* See tree.h. */
#include "tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../native/files/removal.h"
#include "fuzz.h"

int fuzz_folder(const char *name) {
  const char *place = getenv("XO_FUZZ_FOLDER");
  CHECK(place);
  int parent = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const char *call;
  CHECK(parent >= 0 && remove_tree(parent, name, &call) == 0 && mkdirat(parent, name, 0700) == 0);
  int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  CHECK(folder >= 0);
  close(parent);
  return folder;
}

void fuzz_empty(int folder) {
  DIR *stream = fdopendir(openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const char *call;
  CHECK(stream);
  for (struct dirent *entry = readdir(stream); entry; entry = readdir(stream)) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    CHECK(remove_tree(folder, entry->d_name, &call) == 0);
  }
  closedir(stream);
}
