/*
 * A map from 64-bit numbers to 32-bit ones, in 12 bytes per place, for the inodes and the hashes of paths
 * of a whole tree. Nothing is ever removed.
 */
#ifndef TREES_NUMBER_MAP_H
#define TREES_NUMBER_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct number_map {
  uint64_t *keys;
  uint32_t *values;
  size_t places;
  size_t count;
};

/* Where the value of a key is, or NULL. Valid until the next addition. */
uint32_t *number_map_find(const struct number_map *map, uint64_t key);

/* Adds a key that isn't there. -1 if there is no memory. */
int number_map_add(struct number_map *map, uint64_t key, uint32_t value);

void number_map_release(struct number_map *map);

/* The key of an inode. */
static inline uint64_t inode_key(const struct stat *status) {
  return (uint64_t)status->st_ino ^ (uint64_t)status->st_dev << 40;
}

/* XXH3 of some bytes, and a seed that nobody outside can know. */
uint64_t hash_bytes(const void *bytes, size_t count, uint64_t seed);
uint64_t hash_seed(void);

#endif
