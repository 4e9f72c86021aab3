/* See inside.h. */
#include "inside.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

static int requests = -1;

bool inside_is_apart(void) { return requests >= 0; }

/* Blocked in both until each has said what it does with them. */
static int watch_signals(sigset_t *before) {
  static const int numbers[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
  sigset_t watched;
  sigemptyset(&watched);
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) sigaddset(&watched, numbers[i]);
  sigprocmask(SIG_BLOCK, &watched, before);
  return signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
}

int inside_split(const struct startable *programs, size_t program_count, char *const *sockets) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) return errno;
  sigset_t before;
  pid_t outer = getpid();
  struct outside outside = {ends[1], watch_signals(&before), 0, programs, program_count, sockets};
  if (outside.signals >= 0) outside.inner = fork();
  int failure = outside.signals < 0 || outside.inner < 0 ? errno : 0;
  if (!failure && outside.inner > 0) outside_run(&outside);
  sigprocmask(SIG_SETMASK, &before, NULL);
  if (outside.signals >= 0) close(outside.signals);
  close(ends[1]);
  if (failure) {
    close(ends[0]);
    return failure;
  }
  /* Alone it can't be stopped or started again: it ends with the outer one, which may be gone already. */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != outer) _exit(128 + SIGKILL);
  requests = ends[0];
  return 0;
}

/* 0, or the errno. */
static int ask(struct iovec *parts, size_t part_count, const int *fds, size_t fd_count,
               pid_t *pid) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(REQUEST_FDS_MAX * sizeof(int))];
  } control = {0};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = part_count};
  if (fd_count > 0) {
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
    memcpy(CMSG_DATA(rights), fds, fd_count * sizeof(int));
  }
  ssize_t done;
  do done = sendmsg(requests, &message, MSG_NOSIGNAL);
  while (done < 0 && errno == EINTR);
  if (done < 0) return errno;
  struct answer answer;
  do done = recv(requests, &answer, sizeof answer, 0);
  while (done < 0 && errno == EINTR);
  if (done != (ssize_t)sizeof answer) return done < 0 ? errno : EPIPE;
  if (pid) *pid = answer.pid;
  return answer.failure;
}

/* Appends the words to the text, each with its NUL. The new length, or 0 if they are too many. */
static size_t put_words(char *text, size_t length, char **words, int32_t *count) {
  for (*count = 0; words[*count]; ++*count) {
    size_t size = strlen(words[*count]) + 1;
    if (size > REQUEST_SIZE_MAX - sizeof(struct request) - length) return 0;
    memcpy(text + length, words[*count], size);
    length += size;
  }
  return length;
}

int inside_start(char **command, char **environment, int pipe_end, int stderr_fd, pid_t *pid,
                 int *ended_fd) {
  static char text[REQUEST_SIZE_MAX];
  struct request request = {
      .kind = REQUEST_START, .has_pipe = pipe_end >= 0, .has_stderr = stderr_fd >= 0};
  size_t length = put_words(text, 0, command, &request.command_count);
  if (length) length = put_words(text, length, environment, &request.environment_count);
  if (!length) return E2BIG;
  int ended[2];
  if (pipe2(ended, O_CLOEXEC | O_NONBLOCK)) return errno;
  int fds[REQUEST_FDS_MAX] = {ended[1]};
  size_t fd_count = 1;
  if (pipe_end >= 0) fds[fd_count++] = pipe_end;
  if (stderr_fd >= 0) fds[fd_count++] = stderr_fd;
  struct iovec parts[] = {{&request, sizeof request}, {text, length}};
  int failure = ask(parts, 2, fds, fd_count, pid);
  close(ended[1]);
  if (failure) close(ended[0]);
  else *ended_fd = ended[0];
  return failure;
}

int inside_signal(pid_t pid, int number) {
  struct request request = {.kind = REQUEST_SIGNAL, .pid = pid, .signal = number};
  return ask(&(struct iovec){&request, sizeof request}, 1, NULL, 0, NULL);
}

int inside_start_anew(void) {
  struct request request = {.kind = REQUEST_START_ANEW};
  return ask(&(struct iovec){&request, sizeof request}, 1, NULL, 0, NULL);
}
