/* The functions of native:trees, each in the file of its job; trees.c has the table. */
#ifndef TREES_TREES_H
#define TREES_TREES_H

#include "../../runtime/host/module.h"
#include "tree-entry.h"

#define TREES_FUNCTION(name) \
  JSValue name(JSContext *context, JSValueConst self, int count, JSValueConst *values)

TREES_FUNCTION(reconcile_open_job);
TREES_FUNCTION(reconcile_step);
TREES_FUNCTION(reconcile_close_job);
TREES_FUNCTION(verify_open_job);
TREES_FUNCTION(verify_step);
TREES_FUNCTION(verify_close_job);
TREES_FUNCTION(digests_open);
TREES_FUNCTION(digests_find);
TREES_FUNCTION(digests_close);
TREES_FUNCTION(find_line);
TREES_FUNCTION(extras_find);
TREES_FUNCTION(directories_finish);

/* Makes the classes of the jobs known to the runtime. -1 with an exception. */
int reconcile_prepare(JSContext *context);
int verify_prepare(JSContext *context);
int digests_prepare(JSContext *context);

/* A class of job objects: its id is made once, and the runtime told. -1 with an exception. */
int prepare_class(JSContext *context, JSClassID *class_id, const JSClassDef *definition);

/* Sets *fd to a descriptor of an options object, as one of our own, or to -1 for undefined. */
int fd_option(JSContext *context, JSValueConst options, const char *name, int *fd);
/* 0 or 1 by the truth of a property; -1 with an exception. */
int bool_option(JSContext *context, JSValueConst options, const char *name);

/*
 * The live tree of an options object: its manifest and its root, opened for the job; manifest -1
 * where there is none. -1 with an exception.
 */
int live_option(JSContext *context, JSValueConst options, int *manifest, struct tree *tree);

/* Throws what a call did to an entry. */
JSValue throw_entry_error(JSContext *context, const char *call, const struct entry *entry,
                          int saved_errno);

/* Appends to an array. Takes the value. -1 with an exception. */
int append(JSContext *context, JSValueConst array, JSValue value);

#endif
