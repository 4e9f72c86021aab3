/* A map from 64-bit numbers to 32-bit ones; see number-map.h. */
#include "number-map.h"

#include <sys/random.h>
#include <time.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "budget.h"

#define PLACES_FIRST 1024
/* An odd number of many bits: it spreads inodes, which come in rows. */
#define SPREAD 0x9e3779b97f4a7c15u
/* Marks a free place, so the key 0 is stored as another number. */
#define FREE 0
#define INSTEAD_OF_FREE 0x5851f42d4c957f2du

static size_t first_place(const struct number_map *map, uint64_t key) {
  return (size_t)((key * SPREAD) >> 32) & (map->places - 1);
}

uint32_t *number_map_find(const struct number_map *map, uint64_t key) {
  if (key == FREE) key = INSTEAD_OF_FREE;
  if (!map->places) return NULL;
  for (size_t at = first_place(map, key);; at = (at + 1) & (map->places - 1)) {
    if (map->keys[at] == key) return &map->values[at];
    if (map->keys[at] == FREE) return NULL;
  }
}

static void put(struct number_map *map, uint64_t key, uint32_t value) {
  size_t at = first_place(map, key);
  while (map->keys[at] != FREE) at = (at + 1) & (map->places - 1);
  map->keys[at] = key;
  map->values[at] = value;
}

static int grow(struct number_map *map) {
  struct number_map larger = {.places = map->places ? map->places * 2 : PLACES_FIRST};
  larger.keys = budget_take(&budget_manifest, larger.places, sizeof *larger.keys);
  larger.values = budget_take(&budget_manifest, larger.places, sizeof *larger.values);
  if (!larger.keys || !larger.values) {
    number_map_release(&larger);
    return -1;
  }
  larger.count = map->count;
  for (size_t i = 0; i < map->places; i++) {
    if (map->keys[i] != FREE) put(&larger, map->keys[i], map->values[i]);
  }
  number_map_release(map);
  *map = larger;
  return 0;
}

int number_map_add(struct number_map *map, uint64_t key, uint32_t value) {
  if (key == FREE) key = INSTEAD_OF_FREE;
  if (map->count >= map->places / 4 * 3 && grow(map)) return -1;
  put(map, key, value);
  map->count++;
  return 0;
}

void number_map_release(struct number_map *map) {
  budget_free(&budget_manifest, map->keys);
  budget_free(&budget_manifest, map->values);
  *map = (struct number_map){0};
}

uint64_t hash_bytes(const void *bytes, size_t count, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes, count, seed);
}

uint64_t hash_seed(void) {
  uint64_t seed;
  if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == (ssize_t)sizeof seed) return seed;
  /* Early in the boot, or on an old kernel: the time is better than nothing. */
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_nsec * SPREAD + (uint64_t)now.tv_sec;
}
