/* What the jobs of native:trees share: how they read their options, and how they throw. */
#ifndef JOB_OPTIONS_H
#define JOB_OPTIONS_H

#include "quickjs.h"
#include "tree-entry.h"

/* Sets *fd to a duplicate of a descriptor in an options object, or to -1 for undefined. */
int fd_option(JSContext *context, JSValueConst options, const char *name, int *fd);

/*
 * The live tree of an options object: its manifest and its root, opened for the job; manifest -1 if there
 * is none. -1 with an exception.
 */
int live_option(JSContext *context, JSValueConst options, int *manifest, struct tree *tree);

/* Throws that a call failed for an entry. */
JSValue throw_entry_error(JSContext *context, const char *call, const struct entry *entry,
                          int saved_errno);

/* Appends to an array. Takes the value. -1 with an exception. */
int append(JSContext *context, JSValueConst array, JSValue value);
/* Sets properties that are integers. -1 with an exception. */
int set_numbers(JSContext *context, JSValueConst object, const char *const names[],
                const int64_t values[], size_t count);

#endif
