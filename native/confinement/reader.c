/* See reader.h. */
#include "reader.h"

#include "own-mounts.h"
#include "privileges.h"

void reader_give_up(const char *needed) {
  (void)own_mounts_read_only(needed);
  (void)privileges_gain_none();
  (void)privileges_drop(WORK_WRITES);
}
