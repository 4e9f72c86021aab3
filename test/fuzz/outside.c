/*
 * What the confined half of the program asks the other one for (native/processes/outside.c), as one would
 * that somebody has taken over: a row of messages with descriptors. Whatever comes, nothing is started
 * that is not in the list, no stranger is signalled, and no descriptor stays open.
 */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "native.h"
#include "support/fuzz.h"

static int note_signal(pid_t pid, int number);
static pid_t end_nobody(pid_t pid, int *status, int options);
int note_program(char **command, char **environment, int pipe_end, int stderr_fd, pid_t *pid);
int note_reader(char **command, char **environment, int pipe_end, int stderr_fd, const char *needed,
                pid_t *pid);
int reap_all(pid_t pid);

/* What it would do to this machine is noted instead. */
#define kill note_signal
#define waitpid end_nobody
#define spawn_program note_program
#define spawn_reader note_reader
#define spawn_reap reap_all
#include "../../native/processes/outside.c"

/* Far above what the kernel gives out. */
#define FIRST_PID 0x10000000
#define SENT_FDS_MAX 7

static char *ssh[] = {"/usr/bin/ssh", "-p", "*", "--", "*", NULL}, *hook[] = {"/etc/hook", NULL};
static char *home[] = {"HOME=/run/xo", NULL}, *nothing[] = {NULL};
static const struct startable programs[] = {{ssh, home, "/run/xo"}, {hook, nothing, NULL}};
static pid_t next_pid;
static bool ends_now;

/* The plainest reading of what a word `*` allows. */
static bool plainly_plain(const char *word) {
  size_t length = strlen(word);
  if (length < 1 || length > 255 || word[0] == '-') return false;
  for (const char *at = word; *at; at++) {
    bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
    bool digit = *at >= '0' && *at <= '9';
    if (!letter && !digit && *at != '.' && *at != '_' && *at != ':' && *at != '%' && *at != '-') {
      return false;
    }
  }
  return true;
}

static bool is_this(char **words, char *const *list) {
  size_t i = 0;
  for (; list[i]; i++) {
    if (!words[i]) return false;
    bool same = strcmp(words[i], list[i]) == 0;
    if (!same && !(strcmp(list[i], "*") == 0 && plainly_plain(words[i]))) return false;
  }
  return !words[i];
}

static int note(int pipe_end, int stderr_fd, pid_t *pid) {
  CHECK(pipe_end == -1 || fcntl(pipe_end, F_GETFD) >= 0);
  CHECK(stderr_fd == -1 || fcntl(stderr_fd, F_GETFD) >= 0);
  *pid = next_pid++;
  return 0;
}

int note_program(char **command, char **environment, int pipe_end, int stderr_fd, pid_t *pid) {
  CHECK(is_this(command, hook) && is_this(environment, nothing));
  return note(pipe_end, stderr_fd, pid);
}

int note_reader(char **command, char **environment, int pipe_end, int stderr_fd, const char *needed,
                pid_t *pid) {
  CHECK(is_this(command, ssh) && is_this(environment, home) && needed == programs[0].reads);
  return note(pipe_end, stderr_fd, pid);
}

int reap_all(pid_t pid) {
  CHECK(pid >= FIRST_PID && pid < next_pid);
  return ends_now ? 0 : -1;
}

static pid_t end_nobody(UNUSED pid_t pid, UNUSED int *status, UNUSED int options) { return 0; }

static int note_signal(pid_t pid, UNUSED int number) {
  CHECK(pid >= FIRST_PID && pid < next_pid && child_of(pid));
  return 0;
}

/* One message with so many descriptors; the kernel may refuse it. */
static bool send_message(int to, struct input message, size_t fd_count) {
  static int null_fd = -1;
  if (null_fd < 0) null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(SENT_FDS_MAX * sizeof(int))];
  } control = {0};
  struct iovec part = {(void *)message.bytes, message.count};
  struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
  if (fd_count > 0) {
    header.msg_control = &control;
    header.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
    control.header = (struct cmsghdr){CMSG_LEN(fd_count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    for (size_t i = 0; i < fd_count; i++) {
      memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &null_fd, sizeof(int));
    }
  }
  return sendmsg(to, &header, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)message.count;
}

/* More are never open at a time. */
static int open_fds(void) {
  int count = 0;
  for (int fd = 0; fd < 64; fd++) count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

static void ask(const struct outside *outside, int asker, struct input *input) {
  size_t fd_count = input_byte(input) % (SENT_FDS_MAX + 1);
  struct input message = {input->bytes, input_short(input)};
  message.bytes = input->bytes;
  if (message.count > input->count) message.count = input->count;
  input->bytes += message.count;
  input->count -= message.count;
  if (message.count == 0 || !send_message(asker, message, fd_count)) return;
  struct answer answer;
  CHECK(serve(outside));
  CHECK(recv(asker, &answer, sizeof answer, MSG_DONTWAIT) == sizeof answer);
  CHECK(answer.failure == 0 || answer.pid == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  static int ends[2] = {-1, -1};
  if (ends[0] < 0) {
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    CHECK(send_message(ends[0], (struct input){(const uint8_t *)"x", 1}, 0));
    char byte;
    CHECK(recv(ends[1], &byte, 1, 0) == 1);
  }
  struct outside outside = {ends[1], -1, 1, programs, COUNT_OF(programs), nothing};
  struct input input = {bytes, count};
  int before = open_fds();
  next_pid = FIRST_PID;
  while (input.count > 0) {
    ends_now = input_byte(&input) == 0;
    look_after_children(&outside);
    ask(&outside, ends[0], &input);
  }
  ends_now = true;
  look_after_children(&outside);
  CHECK(open_fds() == before);
  return 0;
}
