/* The filter of system calls: those that this program makes are named, and all others refused. */
#ifndef FILTER_H
#define FILTER_H

/* For this process and the threads that it makes, for good. Needs no_new_privs. 0, or the errno. */
int filter_install(void);

#endif
