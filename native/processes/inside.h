/* The inner process of outside.h: how it comes to be, and how it asks the outer one. */
#ifndef INSIDE_H
#define INSIDE_H

#include <stdbool.h>

#include "outside.h"

/* Splits this process in two, as outside.h says, and returns in the inner one: 0, or the errno, if there is none. */
int inside_split(const struct startable *programs, size_t program_count, char *const *sockets);

/* Whether this is an inner process. */
bool inside_is_apart(void);

/* As spawn_program; `ended_fd` is a pipe through which the status comes as an int32_t. */
int inside_start(char **command, char **environment, int pipe_end, int stderr_fd, pid_t *pid,
                 int *ended_fd);
int inside_signal(pid_t pid, int number);
/* Once this process has ended with a status, the program starts again from its beginning. */
int inside_start_anew(void);

#endif
