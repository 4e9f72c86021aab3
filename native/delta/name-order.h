/* The order of a file list, which both sides bring it into: an index is a place in it. */
#ifndef NAME_ORDER_H
#define NAME_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How two names compare (rsync flist.c f_name_cmp, from protocol 29 on). */
int name_order(const char *one, size_t one_length, bool one_directory, const char *other,
               size_t other_length, bool other_directory);

typedef int PlaceCompare(const void *context, uint32_t one, uint32_t other);

/* Fills `order` with 0 to count - 1 as `compare` has them; equal ones stay as they are. `spare` has as much room. */
void place_order(uint32_t *order, uint32_t *spare, size_t count, PlaceCompare *compare,
                 const void *context);

#endif
