/* See outside.h. Nothing here knows JavaScript, and nothing from outside this machine is read. */
#include "outside.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arguments.h"
#include "spawn.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
/* Descriptors are given out from below, and the program never has more than these. */
#define FDS_MAX 4096
/* More programs at a time nobody needs: an ssh for each source, and a hook. */
#define CHILDREN_MAX 16
#define WORDS_MAX 256
#define PLAIN_LENGTH_MAX 255
#define EXIT_INTERNAL_ERROR 70

static struct outside_child {
  pid_t pid;
  int ended_fd;
} children[CHILDREN_MAX];
static bool starts_anew;

/* Nothing that a program would take as an option, a list or another program. */
static bool is_plain(const char *word) {
  static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:%-";
  size_t length = strlen(word);
  return length > 0 && length <= PLAIN_LENGTH_MAX && *word != '-' && strspn(word, plain) == length;
}

static bool fits(char **pattern, char **words, bool with_plain) {
  for (; *pattern && *words; pattern++, words++) {
    bool free = with_plain && strcmp(*pattern, "*") == 0;
    if (free ? !is_plain(*words) : strcmp(*pattern, *words) != 0) return false;
  }
  return !*pattern && !*words;
}

/* NULL: none of the list. */
static const struct startable *startable_of(const struct outside *outside, char **command,
                                            char **environment) {
  for (size_t i = 0; i < outside->program_count; i++) {
    const struct startable *program = &outside->programs[i];
    if (fits(program->command, command, true) && fits(program->environment, environment, false)) {
      return program;
    }
  }
  return NULL;
}

/* Takes `count` words out of the message; NULL if it ends before. */
static const char *take_words(const char *text, const char *end, int32_t count, char **words) {
  if (count < 0 || count > WORDS_MAX) return NULL;
  for (int32_t i = 0; i < count; i++) {
    const char *terminator = memchr(text, 0, (size_t)(end - text));
    if (!terminator) return NULL;
    words[i] = (char *)text;
    text = terminator + 1;
  }
  words[count] = NULL;
  return text;
}

static struct outside_child *child_of(pid_t pid) {
  for (size_t i = 0; i < CHILDREN_MAX; i++)
    if (children[i].pid == pid) return &children[i];
  return NULL;
}

/* 0, or the errno. Keeps the first of the descriptors if the program has started. */
static int start(const struct outside *outside, const struct request *request, const char *text,
                 const char *end, int *fds, size_t fd_count, pid_t *pid) {
  char *command[WORDS_MAX + 1], *environment[WORDS_MAX + 1];
  text = take_words(text, end, request->command_count, command);
  if (text) text = take_words(text, end, request->environment_count, environment);
  size_t wanted = 1 + (request->has_pipe != 0) + (request->has_stderr != 0);
  if (!text || request->command_count < 1 || fd_count != wanted) return EINVAL;
  const struct startable *program = startable_of(outside, command, environment);
  if (!program) return EPERM;
  struct outside_child *child = child_of(0);
  if (!child) return EAGAIN;
  int pipe_end = request->has_pipe ? fds[1] : -1;
  int stderr_fd = request->has_stderr ? fds[fd_count - 1] : -1;
  int failure = program->reads
                    ? spawn_reader(command, environment, pipe_end, stderr_fd, program->reads, pid)
                    : spawn_program(command, environment, pipe_end, stderr_fd, pid);
  if (failure) return failure;
  /* Nobody who does not read its end holds up the others. */
  fcntl(fds[0], F_SETFL, O_WRONLY | O_NONBLOCK);
  *child = (struct outside_child){*pid, fds[0]};
  fds[0] = -1;
  return 0;
}

/* Only to a child that has not been reaped: its pid can't belong to anybody else yet. */
static int signal_child(const struct request *request) {
  if (request->pid <= 0 || !child_of(request->pid)) return 0;
  return kill(request->pid, request->signal) ? errno : 0;
}

/* The alignment leaves room for one more than are asked for, and the kernel fills it. */
#define CONTROL_SIZE CMSG_SPACE(REQUEST_FDS_MAX * sizeof(int))
#define RECEIVED_FDS_MAX (CONTROL_SIZE / sizeof(int))

/* All that came along: each of them is open now, asked for or not. */
static size_t take_fds(struct msghdr *message, int *fds) {
  size_t count = 0;
  for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    size_t there = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < there && count < RECEIVED_FDS_MAX; i++) {
      memcpy(&fds[count++], CMSG_DATA(part) + i * sizeof(int), sizeof(int));
    }
  }
  return count;
}

/* Answers one request. False if the inner process will make none any more. */
static bool serve(const struct outside *outside) {
  static union {
    struct request request;
    char bytes[REQUEST_SIZE_MAX];
  } memory;
  union {
    struct cmsghdr header;
    char bytes[CONTROL_SIZE];
  } control;
  struct iovec part = {&memory, sizeof memory};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t length = recvmsg(outside->requests, &message, MSG_CMSG_CLOEXEC);
  if (length < 0) return errno == EINTR;
  if (length == 0) return false;
  int fds[RECEIVED_FDS_MAX];
  size_t fd_count = take_fds(&message, fds);
  const struct request *request = &memory.request;
  const char *end = memory.bytes + length;
  struct answer answer = {.failure = EINVAL};
  pid_t pid = 0;
  if ((size_t)length >= sizeof *request && !(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
    const char *text = memory.bytes + sizeof *request;
    switch (request->kind) {
      case REQUEST_START:
        answer.failure = start(outside, request, text, end, fds, fd_count, &pid);
        break;
      case REQUEST_SIGNAL: answer.failure = signal_child(request); break;
      case REQUEST_START_ANEW:
        starts_anew = true;
        answer.failure = 0;
        break;
    }
  }
  answer.pid = pid;
  for (size_t i = 0; i < fd_count; i++)
    if (fds[i] >= 0) close(fds[i]);
  /* Who asks without hearing the answers loses them. */
  const int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
  while (send(outside->requests, &answer, sizeof answer, flags) < 0 && errno == EINTR) continue;
  return true;
}

static void remove_sockets(char *const *paths) {
  struct stat there;
  for (; *paths; paths++)
    if (lstat(*paths, &there) == 0 && S_ISSOCK(there.st_mode)) unlink(*paths);
}

/* Whoever the shell asks hears of the same end. */
static _Noreturn void end_like(int status) {
  sigset_t none;
  sigemptyset(&none);
  if (starts_anew && WIFEXITED(status)) {
    setenv("XO_STARTED_ANEW", "1", 1);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve("/proc/self/exe", host_whole_arguments, environ);
    /* Not from whatever folder this is, which may be one that the inner process writes to. */
    if (*host_whole_arguments[0] == '/') {
      execve(host_whole_arguments[0], host_whole_arguments, environ);
    }
    _exit(EXIT_INTERNAL_ERROR);
  }
  if (WIFEXITED(status)) _exit(WEXITSTATUS(status));
  /* The inner one has left a core already, if one is wanted. */
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
  signal(WTERMSIG(status), SIG_DFL);
  kill(getpid(), WTERMSIG(status));
  sigprocmask(SIG_SETMASK, &none, NULL);
  _exit(128 + WTERMSIG(status));
}

static void look_after_children(const struct outside *outside) {
  for (size_t i = 0; i < CHILDREN_MAX; i++) {
    int status = children[i].pid ? spawn_reap(children[i].pid) : -1;
    if (status < 0) continue;
    int32_t told = status;
    (void)!write(children[i].ended_fd, &told, sizeof told);
    close(children[i].ended_fd);
    children[i] = (struct outside_child){0};
  }
  int status;
  if (waitpid(outside->inner, &status, WNOHANG) != outside->inner) return;
  remove_sockets(outside->sockets);
  end_like(status);
}

static void take_signal(const struct outside *outside) {
  struct signalfd_siginfo signal;
  if (read(outside->signals, &signal, sizeof signal) != sizeof signal) return;
  /* What a terminal sends reaches both by itself. */
  if (signal.ssi_signo != SIGCHLD && (int32_t)signal.ssi_code <= 0) {
    kill(outside->inner, (int)signal.ssi_signo);
  }
  look_after_children(outside);
}

static void close_others(const struct outside *outside) {
  int first = outside->requests, second = outside->signals;
  if (first > second) {
    first = outside->signals;
    second = outside->requests;
  }
  for (int fd = STDERR_FILENO + 1; fd < second; fd++)
    if (fd != first) close(fd);
  if (syscall(SYS_close_range, second + 1, ~0U, 0) == 0) return;
  for (int fd = second + 1; fd < FDS_MAX; fd++) close(fd);
}

_Noreturn void outside_run(struct outside *outside) {
  close_others(outside);
  struct pollfd asked[] = {{.fd = outside->signals, .events = POLLIN},
                           {.fd = outside->requests, .events = POLLIN}};
  for (;;) {
    if (poll(asked, 2, -1) < 0) continue;
    if (asked[1].revents && !serve(outside)) asked[1].fd = -1;
    if (asked[0].revents) take_signal(outside);
  }
}
