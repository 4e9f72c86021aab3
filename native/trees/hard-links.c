/* The hard link groups of a manifest; see hard-links.h. */
#include "hard-links.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "budget.h"

void groups_open(struct groups *groups) { *groups = (struct groups){.seed = hash_seed()}; }

void groups_release(struct groups *groups) {
  number_map_release(&groups->by_path);
  budget_free(&budget_manifest, groups->items);
  *groups = (struct groups){0};
}

static uint64_t hash_fields(const struct entry *entry, uint64_t seed) {
  const struct timespec *modified = &entry->modified;
  const int64_t numbers[] = {entry->mode,      entry->uid,        entry->gid,  entry->size,
                             modified->tv_sec, modified->tv_nsec, entry->links};
  uint64_t hash = hash_bytes(numbers, sizeof numbers, seed);
  hash = hash_bytes(entry->digest, sizeof entry->digest, hash);
  for (size_t i = 0; i < entry->xattr_count; i++) {
    const struct xattr *xattr = &entry->xattrs[i];
    hash = hash_bytes(xattr->name, strlen(xattr->name) + 1, hash);
    hash = hash_bytes(xattr->value, xattr->length, hash);
  }
  return hash;
}

static struct group *add(JSContext *context, struct groups *groups, uint64_t key,
                         struct group group) {
  if (groups->count == groups->capacity) {
    size_t capacity = groups->capacity ? groups->capacity * 2 : 64;
    struct group *items = budget_resize(&budget_manifest, groups->items, capacity * sizeof *items);
    if (!items) {
      budget_throw(context, &budget_manifest);
      return NULL;
    }
    groups->items = items;
    groups->capacity = capacity;
  }
  if (number_map_add(&groups->by_path, key, (uint32_t)groups->count)) {
    budget_throw(context, &budget_manifest);
    return NULL;
  }
  groups->items[groups->count] = group;
  return &groups->items[groups->count++];
}

struct group *groups_enter(JSContext *context, struct groups *groups,
                           const struct manifest_reader *reader, const struct entry *entry) {
  uint64_t fields = hash_fields(entry, groups->seed);
  if (!entry->follower) {
    uint64_t key = hash_bytes(entry->path, entry->path_length, groups->seed);
    struct group group = {
        .fields = fields, .line_number = reader->line_number, .links = entry->links, .names = 1};
    return add(context, groups, key, group);
  }
  uint64_t key = hash_bytes(entry->leader, entry->leader_length, groups->seed);
  const uint32_t *index = number_map_find(&groups->by_path, key);
  const char *problem = NULL;
  struct group *group = index ? &groups->items[*index] : NULL;
  if (!group) problem = "is a hard link to what is no first name of one";
  else if (group->fields != fields) problem = "differs from the first name of its hard link";
  if (!problem) {
    group->names++;
    return group;
  }
  throw_manifest_error(context, reader->line_number, reader->line, reader->line_length, problem);
  return NULL;
}

int groups_finish(JSContext *context, const struct groups *groups) {
  for (size_t i = 0; i < groups->count; i++) {
    const struct group *group = &groups->items[i];
    if (group->names == group->links) continue;
    char problem[96];
    snprintf(problem, sizeof problem, "has nlink=%" PRIu32 ", and %" PRIu32 " of the names come",
             group->links, group->names);
    return throw_manifest_error(context, group->line_number, "", 0, problem);
  }
  return 0;
}
