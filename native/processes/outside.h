/*
 * A program in two processes. The inner one goes on with what the program does, and is confined; the
 * outer one, here, reads nothing but its requests: it starts the programs of a list that was made
 * before, passes on signals, and ends as the inner one does.
 */
#ifndef OUTSIDE_H
#define OUTSIDE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What may be started. A word `*` of the command stands for one plain word; all else has to be equal. One
 * that only `reads`, from this folder among others, is started so that it can do no more (NULL: it may).
 */
struct startable {
  char **command, **environment, *reads;
};

enum request_kind { REQUEST_START, REQUEST_SIGNAL, REQUEST_START_ANEW };

/*
 * A request is one message: this, then the words, each with its NUL. Of START there come along, in this
 * order, the pipe that its end is told through, and what is to be its stdin and stdout, and its stderr.
 */
struct request {
  int32_t kind;
  int32_t pid, signal;
  int32_t command_count, environment_count;
  int32_t has_pipe, has_stderr;
};
struct answer {
  int32_t failure, pid;
};
#define REQUEST_SIZE_MAX 16384
#define REQUEST_FDS_MAX 3

/* The inner process with what it is watched and asked through. */
struct outside {
  int requests, signals;
  pid_t inner;
  const struct startable *programs;
  size_t program_count;
  /* Names of sockets that the inner process leaves behind; ends in NULL. */
  char *const *sockets;
};

/* Never returns. Closes every file but its own and the standard ones. */
_Noreturn void outside_run(struct outside *outside);

#endif
