/* See spawn.h. */
#include "spawn.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

int spawn_reap(pid_t pid) {
  int status;
  pid_t ended;
  do ended = waitpid(pid, &status, WNOHANG);
  while (ended < 0 && errno == EINTR);
  if (ended == 0) return -1;
  /* Somebody else took its status: it has ended, and that is all we know. */
  if (ended < 0) return 255;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int spawn_program(char **command, char **environment, int pipe_end, int stderr_fd, pid_t *pid) {
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
  int failure = posix_spawnattr_init(&attributes);
  if (failure) return failure;
  failure = posix_spawn_file_actions_init(&actions);
  if (failure) {
    posix_spawnattr_destroy(&attributes);
    return failure;
  }
  /* The child must not inherit what we ignore or block. */
  sigset_t none, defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  sigaddset(&defaults, SIGCHLD);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  posix_spawnattr_setflags(&attributes,
                           stderr_fd < 0 ? flags : (short)(flags | POSIX_SPAWN_SETSID));
  if (pipe_end >= 0) {
    failure = posix_spawn_file_actions_adddup2(&actions, pipe_end, STDIN_FILENO);
    if (!failure) failure = posix_spawn_file_actions_adddup2(&actions, pipe_end, STDOUT_FILENO);
  }
  if (!failure && stderr_fd >= 0) {
    failure = posix_spawn_file_actions_adddup2(&actions, stderr_fd, STDERR_FILENO);
  }
  if (!failure) {
    failure = posix_spawnp(pid, command[0], &actions, &attributes, command, environment);
  }
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return failure;
}
