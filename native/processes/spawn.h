/* Starting another program, whoever asks for it. */
#ifndef SPAWN_H
#define SPAWN_H

#include <sys/types.h>

/*
 * Starts the program with `pipe_end` (or -1) as its stdin and stdout, and `stderr_fd` (or -1) as its
 * stderr; then it has a session of its own. 0 and the pid, or the errno.
 */
int spawn_program(char **command, char **environment, int pipe_end, int stderr_fd, pid_t *pid);

/*
 * The same for a program that only reads, and that somebody who may not write could talk into it: it can
 * change no file and gain nothing (reader.h). `needed` is the folder that it reads. For a process without threads.
 */
int spawn_reader(char **command, char **environment, int pipe_end, int stderr_fd,
                 const char *needed, pid_t *pid);

/* Reaps one child if it has ended: its status as a shell would give it, or -1. */
int spawn_reap(pid_t pid);

#endif
