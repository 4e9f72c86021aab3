/*
 * Measures programs without slowing them. Two modes:
 *
 *   measure run RESULT COMMAND...         runs a client, writes one JSON line to RESULT
 *   measure serve PORT RESULT COMMAND...  is a small inetd on 127.0.0.1: starts COMMAND with each
 *                                         connection as its standard input and output, and appends a
 *                                         JSON line to RESULT when one opens and when it is over
 *
 * Processor time and peak memory come from wait4(2) of that one child and all that it waited for.
 * Bytes come from the kernel's TCP_INFO of the connection, of which this program keeps a handle: the
 * payload of TCP, to the byte, in both directions, with nobody standing between client and server.
 * It is part of the demonstration and the benchmark, never of the product.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* After the headers above: glibc's own netinet/tcp.h knows an older, shorter tcp_info. */
#include <linux/tcp.h>

/* The kernel's number for a connection whose other side has sent its FIN. */
enum { STATE_CLOSE_WAIT = 8 };

/* What getrusage(2) counts in: pages that were made dirty, in blocks of so many bytes. */
enum { BLOCK_LENGTH = 512 };

static volatile sig_atomic_t client_pid;

static void fail(const char *call) {
  fprintf(stderr, "measure: %s: %s\n", call, strerror(errno));
  exit(125);
}

static double seconds_of(struct timeval time) {
  return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int open_result(const char *path) {
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) fail(path);
  return fd;
}

/* One write a line: lines of two connections never mix. */
static void append(int fd, const char *line, int length) {
  if (length < 0 || write(fd, line, (size_t)length) != length) fail("write the result");
}

static int wait_for(pid_t pid, struct rusage *usage) {
  int status = 0;
  while (wait4(pid, &status, 0, usage) < 0) {
    if (errno != EINTR) fail("wait4");
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void execute(char **command) {
  execvp(command[0], command);
  fprintf(stderr, "measure: %s: %s\n", command[0], strerror(errno));
  _exit(127);
}

static void forward(int number) {
  if (client_pid > 0) kill((pid_t)client_pid, number);
}

static int run(const char *result_path, char **command) {
  int result = open_result(result_path);
  struct sigaction forwarding = {.sa_handler = forward};
  sigaction(SIGTERM, &forwarding, NULL);
  sigaction(SIGINT, &forwarding, NULL);

  double started = now();
  pid_t pid = fork();
  if (pid < 0) fail("fork");
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    execute(command);
  }
  client_pid = pid;
  struct rusage usage;
  int status = wait_for(pid, &usage);
  double wall = now() - started;

  char line[256];
  int length =
      snprintf(line, sizeof line,
               "{\"status\":%d,\"wall\":%.6f,\"user\":%.6f,\"system\":%.6f,\"peakKiB\":%ld,"
               "\"written\":%lld}\n",
               status, wall, seconds_of(usage.ru_utime), seconds_of(usage.ru_stime),
               usage.ru_maxrss, (long long)usage.ru_oublock * BLOCK_LENGTH);
  append(result, line, length);
  return status;
}

/* Runs the server of one connection to its end, in a process of its own. */
static void handle(int connection, int result, char **command) {
  signal(SIGCHLD, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  char line[256];
  append(result, line, snprintf(line, sizeof line, "{\"opened\":%d}\n", (int)getpid()));

  pid_t pid = fork();
  if (pid < 0) fail("fork");
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (dup2(connection, 0) < 0 || dup2(connection, 1) < 0) fail("dup2");
    execute(command);
  }
  struct rusage usage;
  int status = wait_for(pid, &usage);

  struct tcp_info info = {0};
  socklen_t size = sizeof info;
  if (getsockopt(connection, IPPROTO_TCP, TCP_INFO, &info, &size) < 0) fail("TCP_INFO");
  /* What the server wrote last may still be waiting here for its turn. */
  uint64_t sent = (uint64_t)info.tcpi_bytes_sent - (uint64_t)info.tcpi_bytes_retrans +
                  (uint64_t)info.tcpi_notsent_bytes;
  uint64_t received = (uint64_t)info.tcpi_bytes_received;
  /* The kernel counts the FIN, which has a sequence number, like a byte. */
  if (info.tcpi_state == STATE_CLOSE_WAIT && received > 0) received--;
  /* The client sees the end of the stream now, not before: this handle kept it open. */
  close(connection);
  int length = snprintf(line, sizeof line,
                        "{\"closed\":%d,\"status\":%d,\"sent\":%" PRIu64 ",\"received\":%" PRIu64
                        ",\"user\":%.6f,\"system\":%.6f,\"peakKiB\":%ld}\n",
                        (int)getpid(), status, sent, received, seconds_of(usage.ru_utime),
                        seconds_of(usage.ru_stime), usage.ru_maxrss);
  append(result, line, length);
}

static int listen_on(int port) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) fail("socket");
  int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0) fail("bind 127.0.0.1");
  if (listen(listener, 16) < 0) fail("listen");
  socklen_t size = sizeof address;
  if (getsockname(listener, (struct sockaddr *)&address, &size) < 0) fail("getsockname");
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return listener;
}

static int serve(int port, const char *result_path, char **command) {
  /* Ends with whoever started it, however that one ended: no server is left behind. */
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  int result = open_result(result_path);
  int listener = listen_on(port);
  signal(SIGCHLD, SIG_IGN);
  for (;;) {
    int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      fail("accept");
    }
    pid_t pid = fork();
    if (pid < 0) fail("fork");
    if (pid == 0) {
      handle(connection, result, command);
      _exit(0);
    }
    close(connection);
  }
}

int main(int count, char **words) {
  if (count >= 4 && strcmp(words[1], "run") == 0) return run(words[2], words + 3);
  if (count >= 5 && strcmp(words[1], "serve") == 0) {
    char *end;
    long port = strtol(words[2], &end, 10);
    if (*end == '\0' && port >= 0 && port <= 65535) return serve((int)port, words[3], words + 4);
  }
  fputs(
      "usage: measure run RESULT COMMAND...\n"
      "       measure serve PORT RESULT COMMAND...\n",
      stderr);
  return 64;
}
