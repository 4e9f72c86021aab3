/*
 * Listing what is in directories: the list itself is the queue, so that one directory is open at a time and what is
 * in it stands together. See sent-list.h for what the function promises.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../files/paths.h"
#include "sent-list.h"

/* A walk that is going on. */
struct walk {
  struct sent_list *list;
  const struct walk_events *events;
  struct fault *fault;
  /* The name of the directory that is being read. */
  char name[SENT_NAME_MAX + 1];
  size_t name_length;
};

static int refuse_name(struct walk *walk, const char *name, size_t length, const char *call,
                       int saved_errno) {
  const struct walk_events *events = walk->events;
  return events->refused(events->context, name, length, call, saved_errno);
}

/* Begins to read the directory of the entry the walk is at: 1, 0 if it can't be, -1 with a fault. */
static int open_directory(struct walk *walk) {
  struct sent_list *list = walk->list;
  struct sent_entry *entry = &list->entries.entries[list->walked];
  char path[PATH_SIZE_MAX];
  int fd = -1;
  errno = ENAMETOOLONG;
  if (sent_list_path(list, entry->place, walk->name, path)) {
    fd = open_directory_same_mount(list->places[entry->place].directory, path);
  }
  if (fd >= 0) list->walking = fdopendir(fd);
  if (list->walking) return 1;
  int saved_errno = errno;
  if (fd >= 0) close(fd);
  // A mount has come between, or it has gone: what was there has no content.
  if (saved_errno == EXDEV) {
    entry->content = CONTENT_NONE;
    return 0;
  }
  return refuse_name(walk, walk->name, walk->name_length, "open", saved_errno);
}

/* Lists one name, or leaves it out. 0, or -1 with a fault. */
static int visit(struct walk *walk, const char *name) {
  struct sent_list *list = walk->list;
  const struct sent_entry *parent = &list->entries.entries[list->walked];
  struct sent_facts facts = {.place = parent->place};
  char full[SENT_NAME_MAX + 1], text[PATH_SIZE_MAX];
  size_t length = strlen(name), start = 0;
  bool is_root = walk->name_length == 1 && walk->name[0] == '.';
  if (!is_root) start = walk->name_length + 1;
  // rsync can't name it.
  if (start + length > SENT_NAME_MAX) {
    return refuse_name(walk, walk->name, walk->name_length, "stat", ENAMETOOLONG);
  }
  if (start > 0) {
    memcpy(full, walk->name, start - 1);
    full[start - 1] = '/';
  }
  memcpy(full + start, name, length + 1);
  length += start;
  int directory = dirfd(list->walking);
  if (fstatat(directory, name, &facts.status, AT_SYMLINK_NOFOLLOW)) {
    return errno == ENOENT ? 0 : refuse_name(walk, full, length, "stat", errno);
  }
  mode_t mode = facts.status.st_mode;
  int kept = walk->events->keep(walk->events->context, full, length, mode);
  if (kept <= 0) return kept;
  int mounted = S_ISLNK(mode) ? 0 : is_mount(directory, name);
  if (mounted < 0) return errno == ENOENT ? 0 : refuse_name(walk, full, length, "stat", errno);
  if (mounted && !S_ISDIR(mode)) return 0;
  if (S_ISLNK(mode)) {
    ssize_t text_length = readlinkat(directory, name, text, sizeof text - 1);
    if (text_length <= 0) return refuse_name(walk, full, length, "readlink", errno);
    facts.more = text;
    facts.more_length = (size_t)text_length;
    facts.status.st_size = (off_t)text_length;
  }
  bool goes_on = S_ISDIR(mode) && !mounted && parent->content == CONTENT_TREE;
  facts.content = goes_on ? CONTENT_TREE : CONTENT_NONE;
  return sent_entries_add(&list->entries, full, length, &facts, list->options.hard_links,
                          walk->fault);
}

/* Reads on in the open directory: 1 at its end, 0 if `*count` is used up, -1 with a fault. */
static int read_directory(struct walk *walk, int64_t *count) {
  struct sent_list *list = walk->list;
  while (*count > 0) {
    errno = 0;
    const struct dirent *found = readdir(list->walking);
    if (!found) {
      int saved_errno = errno;
      closedir(list->walking);
      list->walking = NULL;
      if (saved_errno &&
          refuse_name(walk, walk->name, walk->name_length, "getdents", saved_errno)) {
        return -1;
      }
      return 1;
    }
    const char *name = found->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
    --*count;
    if (visit(walk, name)) return -1;
  }
  return 0;
}

int sent_list_walk(struct sent_list *list, int64_t count, const struct walk_events *events,
                   struct fault *fault) {
  struct walk walk = {.list = list, .events = events, .fault = fault};
  fault->kind = FAULT_NONE;
  for (; list->walked < list->entries.count; list->walked++) {
    const struct sent_entry *entry = &list->entries.entries[list->walked];
    if (entry->place == PLACE_MADE || !S_ISDIR(entry->mode) || entry->content == CONTENT_NONE) {
      continue;
    }
    if (count <= 0) return 0;
    walk.name_length = sent_entry_name(&list->entries, entry, walk.name);
    int opened = list->walking ? 1 : open_directory(&walk);
    if (opened < 0) return -1;
    count--;
    if (opened == 0) continue;
    int read = read_directory(&walk, &count);
    if (read <= 0) return read;
  }
  return 1;
}
