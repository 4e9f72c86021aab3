/* See tree.h. */
#include "tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../native/files/removal.h"
#include "fuzz.h"

#define FOLDERS_MAX 4
static char folders[FOLDERS_MAX][PATH_MAX];
static size_t folder_count;

static void remove_folders(void) {
  const char *call;
  int parent = open(getenv("XO_FUZZ_FOLDER"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  for (size_t i = 0; i < folder_count; i++)
    remove_tree(parent, strrchr(folders[i], '/') + 1, &call);
}

int fuzz_folder(const char *name) {
  const char *place = getenv("XO_FUZZ_FOLDER");
  CHECK(place && folder_count < FOLDERS_MAX);
  if (folder_count == 0) CHECK(atexit(remove_folders) == 0);
  char *path = folders[folder_count++];
  CHECK(snprintf(path, PATH_MAX, "%s/%s-XXXXXX", place, name) < PATH_MAX && mkdtemp(path));
  int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  CHECK(folder >= 0);
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
