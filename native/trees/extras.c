/*
 * Finds what is in a tree but not in its manifest, and removes it if told to. It never goes below a mount.
 *
 * Nearly always there is nothing: so first all names of the tree are counted, and their hashes summed up. If
 * both are as in the manifest, the names are, and nothing had to be remembered. Only otherwise the
 * hashes of all paths are, for a walk that tells one from the other, and does not go below what is extra.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../files/damage.h"
#include "../files/entries.h"
#include "../files/removal.h"
#include "budget.h"
#include "manifest-reader.h"
#include "number-map.h"
#include "path-set.h"
#include "trees.h"
#include "values.h"

/* Of all paths that are told together: a tenth of what the usual ones take at most (bytes). */
#define PATHS_LENGTH_MAX ((size_t)1024 * 1024)

struct path_list {
  char **paths;
  size_t count;
  size_t capacity;
  size_t length;
};

/* All names of a tree or of a manifest, without the root. */
struct census {
  uint64_t count;
  uint64_t sum;
};

struct walk {
  JSContext *context;
  int manifest;
  int tree;
  bool remove;
  size_t paths_max;
  uint64_t seed;
  /* While names are counted: so many so far, and what the manifest has, once the first one was met. */
  bool counting;
  bool unreadable;
  struct census met;
  bool has_expected;
  struct census expected;
  struct path_set known;
  /* Directories still to be looked into, and what was found. */
  struct path_list ahead;
  struct path_list found;
};

static void path_list_release(struct path_list *list) {
  for (size_t i = 0; i < list->count; i++) free(list->paths[i]);
  free(list->paths);
}

/* Takes the path. -1 with an exception. */
static int path_list_add(struct walk *walk, struct path_list *list, char *path) {
  if (list->count == list->capacity) {
    size_t capacity = list->capacity ? list->capacity * 2 : 64;
    char **paths = realloc(list->paths, capacity * sizeof *paths);
    if (!paths) {
      free(path);
      JS_ThrowOutOfMemory(walk->context);
      return -1;
    }
    list->paths = paths;
    list->capacity = capacity;
  }
  list->paths[list->count++] = path;
  list->length += strlen(path);
  return 0;
}

/* Hashes all paths of the manifest: counts them, or else remembers them. -1 with an exception. */
static int learn(struct walk *walk) {
  struct manifest_reader *reader = manifest_reader_new(walk->context, walk->manifest);
  struct entry *entry = reader ? js_malloc(walk->context, sizeof *entry) : NULL;
  int result = -1;
  while (entry) {
    enum read_result read = manifest_next(walk->context, reader, entry);
    if (read != READ_ENTRY) {
      result = read == READ_END ? 0 : -1;
      break;
    }
    if (reader->entries == 1) continue;
    uint64_t hash = hash_bytes(entry->path, entry->path_length, walk->seed);
    if (!walk->counting) {
      path_set_add(&walk->known, hash);
      continue;
    }
    walk->expected.count++;
    walk->expected.sum += hash;
  }
  js_free(walk->context, entry);
  js_free(walk->context, reader);
  return result;
}

/* Counts a name of the tree. -1 with an exception. */
static int count(struct walk *walk, uint64_t hash) {
  if (!walk->has_expected && learn(walk)) return -1;
  walk->has_expected = true;
  walk->met.count++;
  walk->met.sum += hash;
  return 0;
}

static int fail(const struct walk *walk, const char *call, const char *path) {
  throw_system_error(walk->context, call, path, errno);
  return -1;
}

static bool is_directory(int fd, const struct dirent *entry) {
  if (entry->d_type != DT_UNKNOWN) return entry->d_type == DT_DIR;
  struct stat status;
  return fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

static bool has_room(const struct walk *walk) {
  return walk->found.count < walk->paths_max && walk->found.length < PATHS_LENGTH_MAX;
}

/* Whether there is no use in going on. */
static bool is_over(const struct walk *walk) {
  if (walk->counting) return walk->met.count > walk->expected.count;
  return !walk->remove && !has_room(walk);
}

/* Takes the path. */
static int treat_extra(struct walk *walk, int fd, const char *name, char *path) {
  const char *call;
  if (walk->remove && remove_tree(fd, name, &call)) {
    fail(walk, call, path);
    free(path);
    return -1;
  }
  if (has_room(walk)) return path_list_add(walk, &walk->found, path);
  free(path);
  return 0;
}

/* Looks at one name of a directory. -1 with an exception. */
static int treat_name(struct walk *walk, const char *directory, int fd,
                      const struct dirent *entry) {
  const char *name = entry->d_name;
  size_t prefix = strcmp(directory, ".") == 0 ? 0 : strlen(directory) + 1;
  size_t length = prefix + strlen(name);
  char *path = malloc(length + 1);
  if (!path) {
    JS_ThrowOutOfMemory(walk->context);
    return -1;
  }
  if (prefix) {
    memcpy(path, directory, prefix - 1);
    path[prefix - 1] = '/';
  }
  memcpy(path + prefix, name, length - prefix + 1);
  uint64_t hash = hash_bytes(path, length, walk->seed);
  if (walk->counting) {
    if (count(walk, hash)) {
      free(path);
      return -1;
    }
  } else if (!path_set_has(&walk->known, hash)) {
    return treat_extra(walk, fd, name, path);
  }
  if (is_directory(fd, entry)) return path_list_add(walk, &walk->ahead, path);
  free(path);
  return 0;
}

/* A directory that can't be listed. It may be extra itself, which the other walk will tell. */
static int miss(struct walk *walk, const char *call, const char *directory) {
  walk->unreadable = true;
  if (walk->counting) return 0;
  if (walk->remove || !is_damage(errno)) return fail(walk, call, directory);
  if (!has_room(walk)) return 0;
  char *path = strdup(directory);
  if (path) return path_list_add(walk, &walk->found, path);
  JS_ThrowOutOfMemory(walk->context);
  return -1;
}

/* -1 with an exception. */
static int look_into(struct walk *walk, const char *directory) {
  int fd = open_directory_same_mount(walk->tree, directory);
  /* Another mount is somebody else's, and what went away in between is no extra. */
  if (fd < 0) {
    return errno == EXDEV || errno == ENOENT ? 0 : miss(walk, "open", directory);
  }
  DIR *stream = fdopendir(fd);
  if (!stream) {
    fail(walk, "readdir", directory);
    close(fd);
    return -1;
  }
  int result = 0;
  struct dirent *entry;
  while (result == 0 && !is_over(walk)) {
    errno = 0;
    entry = readdir(stream);
    if (!entry) {
      if (errno) result = miss(walk, "readdir", directory);
      break;
    }
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    result = treat_name(walk, directory, dirfd(stream), entry);
  }
  closedir(stream);
  return result;
}

/* -1 with an exception. */
static int walk_tree(struct walk *walk) {
  char *root = strdup(".");
  if (!root) {
    JS_ThrowOutOfMemory(walk->context);
    return -1;
  }
  if (path_list_add(walk, &walk->ahead, root)) return -1;
  while (walk->ahead.count > 0) {
    if (is_over(walk)) return 0;
    char *directory = walk->ahead.paths[--walk->ahead.count];
    int result = look_into(walk, directory);
    free(directory);
    if (result) return -1;
  }
  return 0;
}

/* Looks for extras, and removes them if told to. -1 with an exception. */
static int find(struct walk *walk) {
  walk->counting = true;
  if (walk_tree(walk)) return -1;
  const struct census *met = &walk->met, *expected = &walk->expected;
  bool equal = met->count == expected->count && met->sum == expected->sum;
  if (equal && !walk->unreadable) return 0;
  if (!walk->has_expected && learn(walk)) return -1;
  path_list_release(&walk->ahead);
  walk->ahead = (struct path_list){0};
  walk->counting = false;
  if (path_set_open(&walk->known, expected->count)) {
    budget_throw(walk->context, &budget_manifest);
    return -1;
  }
  return learn(walk) || walk_tree(walk) ? -1 : 0;
}

NATIVE(extras_find) {
  int32_t manifest, tree;
  int64_t paths_max;
  bool remove;
  if (JS_ToInt32(context, &manifest, arguments[0]) || JS_ToInt32(context, &tree, arguments[1]) ||
      get_int64_property(context, arguments[2], "pathsMax", &paths_max) ||
      get_bool_property(context, arguments[2], "remove", &remove)) {
    return JS_EXCEPTION;
  }
  struct walk walk = {.context = context, .manifest = manifest, .tree = tree, .remove = remove};
  walk.seed = hash_seed();
  walk.paths_max = paths_max < 0 ? 0 : paths_max > UINT32_MAX ? UINT32_MAX : (size_t)paths_max;
  JSValue result = JS_EXCEPTION;
  if (find(&walk) == 0) {
    sort_names(walk.found.paths, walk.found.count);
    result = names_to_js(context, walk.found.paths, walk.found.count);
  }
  path_list_release(&walk.ahead);
  path_list_release(&walk.found);
  path_set_release(&walk.known);
  return result;
}
