/* Filling the list to be sent; see sent-list.h for what each function promises. */
#include "sent-list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../files/paths.h"
#include "budget.h"

struct sent_list *sent_list_open(const struct wire_options *options, uint32_t entries_max,
                                 struct fault *fault) {
  struct sent_list *list = budget_take(&budget_clients, 1, sizeof *list);
  if (!list) {
    fault_memory(fault, &budget_clients);
    return NULL;
  }
  list->options = *options;
  list->sum.fd = -1;
  if (sent_entries_open(&list->entries, entries_max, fault) == 0) return list;
  sent_list_close(list);
  return NULL;
}

void sent_list_close(struct sent_list *list) {
  if (!list) return;
  sent_entries_close(&list->entries);
  for (unsigned i = 0; i < list->place_count; i++) {
    budget_free(&budget_clients, list->places[i].path);
    budget_free(&budget_clients, list->places[i].at);
  }
  budget_free(&budget_clients, list->places);
  if (list->walking) closedir(list->walking);
  if (list->sum.fd >= 0) close(list->sum.fd);
  free(list->sum.hash);
  budget_free(&budget_clients, list->sum.piece);
  budget_free(&budget_clients, list->piece);
  budget_free(&budget_clients, list->end.users.bytes);
  budget_free(&budget_clients, list->end.groups.bytes);
  budget_free(&budget_clients, list);
}

static char *copy_of(const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = budget_take(&budget_clients, 1, size);
  if (copy) memcpy(copy, text, size);
  return copy;
}

int sent_list_add_place(struct sent_list *list, int directory, const char *path, const char *at,
                        struct fault *fault) {
  for (unsigned i = 0; i < list->place_count; i++) {
    const struct sent_place *place = &list->places[i];
    if (place->directory == directory && strcmp(place->path, path) == 0 &&
        strcmp(place->at, at) == 0) {
      return (int)i;
    }
  }
  if (list->place_count == PLACE_MADE) {
    return fault_token(fault, "the list to be sent has more than %d places", PLACE_MADE);
  }
  struct sent_place *places =
      budget_resize(&budget_clients, list->places, (list->place_count + 1) * sizeof *places);
  if (!places) return fault_memory(fault, &budget_clients);
  list->places = places;
  struct sent_place place = {directory, copy_of(path), copy_of(at)};
  if (place.path && place.at) {
    places[list->place_count] = place;
    return (int)list->place_count++;
  }
  fault_memory(fault, &budget_clients);
  budget_free(&budget_clients, place.path);
  budget_free(&budget_clients, place.at);
  return -1;
}

bool sent_list_is_below(const struct sent_list *list, unsigned place, const char *name) {
  const char *at = list->places[place].at;
  size_t length = strlen(at);
  if (strcmp(at, ".") == 0) return true;
  return strncmp(name, at, length) == 0 && (!name[length] || name[length] == '/');
}

bool sent_list_path(const struct sent_list *list, unsigned place_number, const char *name,
                    char *path) {
  const struct sent_place *place = &list->places[place_number];
  const char *rest = name;
  if (strcmp(place->at, ".") != 0 || strcmp(name, ".") == 0) {
    size_t length = strlen(place->at);
    if (!sent_list_is_below(list, place_number, name)) return false;
    rest = name[length] ? name + length + 1 : name + length;
  }
  size_t base_length = strcmp(place->path, ".") == 0 ? 0 : strlen(place->path);
  size_t rest_length = strlen(rest);
  if (base_length + rest_length + 2 > PATH_SIZE_MAX) return false;
  memcpy(path, place->path, base_length);
  path[base_length] = 0;
  if (rest_length == 0) {
    if (base_length == 0) memcpy(path, ".", 2);
    return true;
  }
  if (base_length > 0) path[base_length++] = '/';
  memcpy(path + base_length, rest, rest_length + 1);
  return true;
}

int sent_list_add(struct sent_list *list, const char *name, struct sent_facts *facts,
                  struct fault *fault) {
  char path[PATH_SIZE_MAX], text[PATH_SIZE_MAX];
  struct place place;
  if (!sent_list_path(list, facts->place, name, path)) {
    return fault_system(fault, "stat", ENAMETOOLONG);
  }
  if (place_open(list->places[facts->place].directory, path, &place)) {
    return fault_system(fault, "stat", errno);
  }
  const char *call = "stat";
  int failed = fstatat(place.parent, place.name, &facts->status, AT_SYMLINK_NOFOLLOW);
  if (!failed && S_ISLNK(facts->status.st_mode)) {
    call = "readlink";
    ssize_t length = readlinkat(place.parent, place.name, text, sizeof text - 1);
    failed = length <= 0;
    facts->more = text;
    facts->more_length = failed ? 0 : (size_t)length;
    facts->status.st_size = failed ? 0 : (off_t)length;
  }
  int saved_errno = errno;
  place_close(&place);
  if (failed) return fault_system(fault, call, saved_errno);
  return sent_entries_add(&list->entries, name, strlen(name), facts, list->options.hard_links,
                          fault);
}

void sent_list_end(struct sent_list *list, const struct sent_end *end) {
  list->end = *end;
  sent_entries_group(&list->entries);
  list->stage = SENT_DRAINING;
}
