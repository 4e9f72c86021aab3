/* What verify says of an entry, as JavaScript's values. For verify.c. */
#ifndef TREES_FAILURES_H
#define TREES_FAILURES_H

#include "tree-entry.h"
#include "values.h"

/* Texts of one failure; byte strings, NUL-terminated. */
struct failure {
  const char *what;
  const char *found;
  const char *expected;
};

/* All of these append to the array of failures, and return -1 with an exception. */
int failure_add(JSContext *context, JSValueConst failures, const struct entry *entry,
                struct failure failure);

/*
 * One for each bit of enum difference. Attributes are read again, so `visit` must still be as it was.
 */
int failures_add_differences(JSContext *context, JSValueConst failures, const struct entry *entry,
                             struct tree *tree, const struct stat *status, int differences);

/* Digests differ. */
int failure_add_digest(JSContext *context, JSValueConst failures, const struct entry *entry,
                       const uint8_t *found);

#endif
