/*
 * Which paths there are, by their hashes: four bytes a path and a third more. One foreign path in a thousand
 * million is taken for one of them.
 */
#ifndef TREES_PATH_SET_H
#define TREES_PATH_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct path_set {
  uint32_t *tags;
  size_t places;
};

/* For so many paths, and no more. -1 if there is no memory. */
int path_set_open(struct path_set *set, uint64_t count);
void path_set_release(struct path_set *set);

void path_set_add(struct path_set *set, uint64_t hash);
bool path_set_has(const struct path_set *set, uint64_t hash);

#endif
