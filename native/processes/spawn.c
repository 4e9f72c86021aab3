/* See spawn.h. */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../confinement/reader.h"

/* As a shell has it; nobody sees it. */
#define EXIT_NOT_STARTED 127

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

/* In the new process. Returns the errno of what failed. */
static int become(char **command, char **environment, int pipe_end, int stderr_fd,
                  const char *needed) {
  reader_give_up(needed);
  signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  if (stderr_fd >= 0) setsid();
  if (pipe_end >= 0 && (dup2(pipe_end, STDIN_FILENO) < 0 || dup2(pipe_end, STDOUT_FILENO) < 0)) {
    return errno;
  }
  if (stderr_fd >= 0 && dup2(stderr_fd, STDERR_FILENO) < 0) return errno;
  execvpe(command[0], command, environment);
  return errno;
}

int spawn_reader(char **command, char **environment, int pipe_end, int stderr_fd,
                 const char *needed, pid_t *pid) {
  /* Closed by the execution, or written to before. */
  int told[2];
  if (pipe2(told, O_CLOEXEC)) return errno;
  pid_t child = fork();
  int failure = child < 0 ? errno : 0;
  if (child == 0) {
    failure = become(command, environment, pipe_end, stderr_fd, needed);
    (void)!write(told[1], &failure, sizeof failure);
    _exit(EXIT_NOT_STARTED);
  }
  close(told[1]);
  ssize_t count = 0;
  if (!failure) {
    do count = read(told[0], &failure, sizeof failure);
    while (count < 0 && errno == EINTR);
    if (count != (ssize_t)sizeof failure) failure = 0;
    if (failure) waitpid(child, NULL, 0);
  }
  close(told[0]);
  *pid = child;
  return failure;
}
