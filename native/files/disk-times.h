/*
 * Which times a file system can hold: how fine, and from when to when. Found by setting some on a file of
 * its own. A time that it can't hold counts as right if it is as near as can be.
 */
#ifndef FILES_DISK_TIMES_H
#define FILES_DISK_TIMES_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* All zero: every time can be held. */
struct disk_times {
  /* The step from one time to the next (nanoseconds); 0 and 1 are the same. */
  int64_t granularity;
  /* Seconds since 1970. */
  int64_t earliest, latest;
};

/* Tries a file in a directory that may be written to. 0, or -1 with errno and what failed in *call. */
int disk_times_find(int directory, struct disk_times *times, const char **call);

/* Whether `found` is what the file system makes of `wanted`. */
bool disk_times_match(const struct disk_times *times, struct timespec found,
                      struct timespec wanted);

#endif
