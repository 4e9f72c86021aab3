/* Which inodes were met; see inode-set.h. */
#include "inode-set.h"

#include "budget.h"
#include "number-map.h"

#define PLACES_FIRST 64
#define ROW_BITS 6
/* An odd number of many bits: it spreads rows, whose numbers are neighbours. */
#define SPREAD 0x9e3779b97f4a7c15u

static uint64_t row_number(uint64_t key) { return (key >> ROW_BITS) + 1; }

static uint64_t row_bit(uint64_t key) { return (uint64_t)1 << (key & ((1u << ROW_BITS) - 1)); }

/* Where the row is, or where it would go. */
static struct inode_row *place_of(const struct inode_set *set, uint64_t number) {
  size_t at = (size_t)((number * SPREAD) >> 32) & (set->places - 1);
  while (set->rows[at].number && set->rows[at].number != number) at = (at + 1) & (set->places - 1);
  return &set->rows[at];
}

bool inode_set_has(const struct inode_set *set, const struct stat *status) {
  if (!set->places) return false;
  uint64_t key = inode_key(status);
  return (place_of(set, row_number(key))->bits & row_bit(key)) != 0;
}

static int grow(struct inode_set *set) {
  struct inode_set larger = {.places = set->places ? set->places * 2 : PLACES_FIRST};
  larger.rows = budget_take(&budget_manifest, larger.places, sizeof *larger.rows);
  if (!larger.rows) return -1;
  larger.count = set->count;
  for (size_t i = 0; i < set->places; i++) {
    if (set->rows[i].number) *place_of(&larger, set->rows[i].number) = set->rows[i];
  }
  inode_set_release(set);
  *set = larger;
  return 0;
}

int inode_set_add(struct inode_set *set, const struct stat *status) {
  if (set->count >= set->places / 4 * 3 && grow(set)) return -1;
  uint64_t key = inode_key(status);
  struct inode_row *row = place_of(set, row_number(key));
  if (!row->number) set->count++;
  row->number = row_number(key);
  row->bits |= row_bit(key);
  return 0;
}

void inode_set_release(struct inode_set *set) {
  budget_free(&budget_manifest, set->rows);
  *set = (struct inode_set){0};
}
