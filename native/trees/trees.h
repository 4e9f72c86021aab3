/* The functions of native:trees, each in the file of its job; trees.c has the table. */
#ifndef TREES_TREES_H
#define TREES_TREES_H

#include "native.h"

NATIVE(reconcile_open_job);
NATIVE(reconcile_step);
NATIVE(reconcile_close_job);
NATIVE(proof_open);
NATIVE(proof_settle);
NATIVE(proof_close);
NATIVE(verify_open_job);
NATIVE(verify_step);
NATIVE(verify_close_job);
NATIVE(digests_open);
NATIVE(digests_find);
NATIVE(digests_close);
NATIVE(find_line);
NATIVE(samples_of);
NATIVE(comparison_open);
NATIVE(comparison_is_unchanged);
NATIVE(comparison_close);
NATIVE(extras_find);
NATIVE(directories_finish);

/* Makes the classes of the jobs known to the runtime. -1 with an exception. */
int reconcile_prepare(JSContext *context);
int proof_prepare(JSContext *context);
int verify_prepare(JSContext *context);
int digests_prepare(JSContext *context);
int comparison_prepare(JSContext *context);

#endif
