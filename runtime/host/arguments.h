/* The command line as JavaScript sees it: the program (or the script that a test runs) first. */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

extern int host_argument_count;
extern char **host_arguments;
/* As the kernel gave it, to start the same again. */
extern char **host_whole_arguments;

#endif
