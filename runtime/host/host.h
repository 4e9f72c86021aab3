/*
 * What the program knows about itself: its command line, and how it ends when something is wrong
 * that no JavaScript can deal with.
 */
#ifndef HOST_H
#define HOST_H

#include "quickjs.h"

/* The status of an internal error (sysexits.h EX_SOFTWARE). */
#define EXIT_INTERNAL_ERROR 70

/* The command line as JavaScript sees it: the program (or the script that a test runs) first. */
extern int host_argument_count;
extern char **host_arguments;

/* Ends the process with one line on stderr; may be called from the handler of a signal. */
_Noreturn void host_fail(const char *text);

/* The same, where JavaScript can't be given the memory that it needs. */
_Noreturn void out_of_memory(void);

/* Puts the names of all native modules into the context. Returns -1 with an exception. */
int register_modules(JSContext *context);

#endif
