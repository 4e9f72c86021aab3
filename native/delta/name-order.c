/* Comparing and sorting names; see name-order.h for what each function promises. */
#include "name-order.h"

#include <string.h>

/* The component at which two names differ, as rsync's order sees it. */
struct component {
  const char *bytes;
  size_t length;
  /* -1: "." of the transfer; 0: the last name, of a non-directory; 1: a directory, followed by a slash. */
  int rank;
  bool last;
};

static struct component component_at(const char *name, size_t length, size_t start,
                                     bool directory) {
  const char *slash = start < length ? memchr(name + start, '/', length - start) : NULL;
  struct component component = {name + start,
                                slash ? (size_t)(slash - name) - start : length - start, 1, !slash};
  if (component.last && !directory) component.rank = 0;
  if (component.last && directory && component.length == 1 && name[start] == '.') {
    component.rank = -1;
  }
  return component;
}

static int compare_components(const struct component *one, const struct component *other) {
  if (one->rank != other->rank) return one->rank - other->rank;
  size_t common = one->length < other->length ? one->length : other->length;
  int order = memcmp(one->bytes, other->bytes, common);
  if (order != 0) return order;
  if (one->length != other->length) {
    // The shorter one goes on with its slash, or ends.
    const struct component *longer = one->length > other->length ? one : other;
    int sign = longer == one ? 1 : -1;
    if (one->rank != 1) return sign;
    return (unsigned char)longer->bytes[common] > '/' ? sign : -sign;
  }
  return (int)other->last - (int)one->last;
}

int name_order(const char *one, size_t one_length, bool one_directory, const char *other,
               size_t other_length, bool other_directory) {
  size_t common = one_length < other_length ? one_length : other_length;
  size_t start = 0, i = 0;
  for (; i < common && one[i] == other[i]; i++) {
    if (one[i] == '/') start = i + 1;
  }
  if (i == one_length && i == other_length && one_directory == other_directory) return 0;
  struct component a = component_at(one, one_length, start, one_directory);
  struct component b = component_at(other, other_length, start, other_directory);
  return compare_components(&a, &b);
}

struct sorting {
  uint32_t *order;
  uint32_t *spare;
  PlaceCompare *compare;
  const void *context;
};

/* Merges order[start..middle) with order[middle..end); `spare` takes the first half. */
static void merge(const struct sorting *sorting, size_t start, size_t middle, size_t end) {
  uint32_t *order = sorting->order, *spare = sorting->spare;
  PlaceCompare *compare = sorting->compare;
  const void *context = sorting->context;
  if (compare(context, order[middle - 1], order[middle]) <= 0) return;
  size_t left_count = middle - start, left = 0, right = middle, at = start;
  memcpy(spare, order + start, left_count * sizeof *order);
  while (left < left_count && right < end) {
    bool take_right = compare(context, order[right], spare[left]) < 0;
    order[at++] = take_right ? order[right++] : spare[left++];
  }
  memcpy(order + at, spare + left, (left_count - left) * sizeof *order);
}

void place_order(uint32_t *order, uint32_t *spare, size_t count, PlaceCompare *compare,
                 const void *context) {
  struct sorting sorting = {order, spare, compare, context};
  for (size_t i = 0; i < count; i++) order[i] = (uint32_t)i;
  for (size_t width = 1; width < count; width *= 2) {
    for (size_t start = 0; start + width < count; start += 2 * width) {
      size_t end = count - start < 2 * width ? count : start + 2 * width;
      merge(&sorting, start, start + width, end);
    }
  }
}
