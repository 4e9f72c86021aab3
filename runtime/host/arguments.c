/* The command line, which main.c sets once before anything else runs. */
#include "arguments.h"

int host_argument_count;
char **host_arguments;
char **host_whole_arguments;
