/* How the program ends when something is wrong that no JavaScript can deal with. */
#ifndef FAIL_H
#define FAIL_H

/* The status of an internal error (sysexits.h EX_SOFTWARE). */
#define EXIT_INTERNAL_ERROR 70

/* Ends the process with one line on stderr; may be called from the handler of a signal. */
_Noreturn void host_fail(const char *text);

/* The same, with the lines of `more` below it as they are, unless it is NULL. */
_Noreturn void host_fail_showing(const char *text, const char *more);

/* The same, when JavaScript can't be given the memory that it needs. */
_Noreturn void out_of_memory(void);

#endif
