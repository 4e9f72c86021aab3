/* The filter of system calls: those that this program makes are named, and all others refused. */
#ifndef FILTER_H
#define FILTER_H

#include <stdbool.h>

/*
 * For this process and the threads that it makes, for good. Whoever changes nothing may not: neither what
 * is on a disk nor, by a socket of its own, what others do. Needs no_new_privs. 0, or the errno.
 */
int filter_install(bool changes);

#endif
