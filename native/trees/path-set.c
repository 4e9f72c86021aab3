/* Which paths there are; see path-set.h. The upper half of a hash says where, the lower half which. */
#include "path-set.h"

#include "budget.h"

int path_set_open(struct path_set *set, uint64_t count) {
  if (count > UINT32_MAX / 2) return -1;
  set->places = (size_t)(count + count / 3 + 2);
  set->tags = budget_take(&budget_manifest, set->places, sizeof *set->tags);
  return set->tags ? 0 : -1;
}

void path_set_release(struct path_set *set) {
  budget_free(&budget_manifest, set->tags);
  *set = (struct path_set){0};
}

/* Where the hash is, or would go. 0 is a free place. */
static uint32_t *place_of(const struct path_set *set, uint64_t hash) {
  uint32_t tag = (uint32_t)hash | 1;
  size_t at = (size_t)(((hash >> 32) * set->places) >> 32);
  while (set->tags[at] && set->tags[at] != tag) at = at + 1 == set->places ? 0 : at + 1;
  return &set->tags[at];
}

void path_set_add(struct path_set *set, uint64_t hash) {
  *place_of(set, hash) = (uint32_t)hash | 1;
}

bool path_set_has(const struct path_set *set, uint64_t hash) { return *place_of(set, hash) != 0; }
