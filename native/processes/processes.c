/*
 * Other programs, and this one's own start and end. SIGCHLD tells of the end of a child; its
 * handler only writes to a pipe that the loop watches. Children that are not ours are left alone,
 * except by the first process of a machine, which inherits every orphan and has to reap them.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../sockets/socket.h"
#include "arguments.h"
#include "loop.h"
#include "module.h"
#include "words.h"

/* A child that has not been reaped. */
struct child {
  pid_t pid;
  JSValue resolve;
  struct child *next;
};

static struct child *children;
static int signal_pipe[2] = {-1, -1};
static struct loop_wait signal_wait;

static void on_child_signal(UNUSED int number) {
  int saved_errno = errno;
  /* A full pipe already says all there is to say. */
  (void)!write(signal_pipe[1], "", 1);
  errno = saved_errno;
}

/* Reaps one child if it has ended: its status as a shell would give it, or -1. */
static int reap(pid_t pid) {
  int status;
  pid_t ended;
  do ended = waitpid(pid, &status, WNOHANG);
  while (ended < 0 && errno == EINTR);
  if (ended == 0) return -1;
  /* Somebody else took its status: it has ended, and that is all we know. */
  if (ended < 0) return 255;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool is_ours(pid_t pid) {
  for (struct child *child = children; child; child = child->next)
    if (child->pid == pid) return true;
  return false;
}

/* Reaps orphans that have ended, up to the first child of our own: its end brings another signal. */
static void reap_orphans(void) {
  for (;;) {
    siginfo_t ended = {0};
    if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT)) {
      if (errno == EINTR) continue;
      return;
    }
    if (ended.si_pid == 0 || is_ours(ended.si_pid)) return;
    reap(ended.si_pid);
  }
}

static void children_wake(JSContext *context, struct loop_wait *wait, UNUSED bool ready) {
  char drained[64];
  while (read(wait->fd, drained, sizeof drained) > 0) continue;
  for (struct child **link = &children; *link;) {
    struct child *child = *link;
    int status = reap(child->pid);
    if (status < 0) {
      link = &child->next;
      continue;
    }
    *link = child->next;
    JSValue value = JS_NewInt32(context, status);
    JS_FreeValue(context,
                 JS_Call(context, child->resolve, JS_UNDEFINED, 1, (JSValueConst *)&value));
    JS_FreeValue(context, child->resolve);
    free(child);
  }
  if (getpid() == 1) reap_orphans();
  if (children) loop_add(wait);
}

/* Sets up the pipe and the handler, once. 0, or the errno. */
static int watch_children(void) {
  if (signal_pipe[0] >= 0) return 0;
  if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK)) return errno;
  signal_wait = (struct loop_wait){
      .fd = signal_pipe[0], .events = POLLIN, .deadline_ms = LOOP_FOREVER, .wake = children_wake};
  struct sigaction action = {.sa_handler = on_child_signal, .sa_flags = SA_RESTART | SA_NOCLDSTOP};
  sigaction(SIGCHLD, &action, NULL);
  sigset_t child_signal;
  sigemptyset(&child_signal);
  sigaddset(&child_signal, SIGCHLD);
  pthread_sigmask(SIG_UNBLOCK, &child_signal, NULL);
  return 0;
}

/* Starts the program with `pipe_end` (or -1) as its stdin and stdout, and `stderr_fd` (or -1) as its stderr. 0 and the pid, or the errno. */
static int spawn(char **command, char **environment, int pipe_end, int stderr_fd, pid_t *pid) {
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

/* The Process object. Takes the stream; the child is in the list afterwards, or was never made. */
static JSValue new_process(JSContext *context, struct child *child, JSValue stream) {
  JSValue functions[2];
  JSValue process = JS_NewObject(context);
  JSValue promise =
      JS_IsException(process) ? JS_EXCEPTION : JS_NewPromiseCapability(context, functions);
  if (JS_IsException(promise)) {
    JS_FreeValue(context, process);
    JS_FreeValue(context, stream);
    return JS_EXCEPTION;
  }
  JS_FreeValue(context, functions[1]);
  child->resolve = functions[0];
  if (set_property(context, process, "stream", stream) ||
      set_property(context, process, "ended", promise)) {
    JS_FreeValue(context, child->resolve);
    JS_FreeValue(context, process);
    return JS_EXCEPTION;
  }
  return process;
}

static void close_ends(int ends[2]) {
  for (int i = 0; i < 2; i++)
    if (ends[i] >= 0) close(ends[i]);
}

/* 0, with `ends[0]` ours (non-blocking, if a pipe is wanted) and `ends[1]` the child's, or the errno. */
static int make_pipe(bool wanted, int ends[2]) {
  int failure = watch_children();
  if (failure || !wanted) return failure;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) return errno;
  return fcntl(ends[0], F_SETFL, O_RDWR | O_NONBLOCK) ? errno : 0;
}

/* Whatever can fail is done before the child is there, so that no child is ever lost. */
static JSValue start_child(JSContext *context, char **command, char **environment, bool pipe_wanted,
                           int stderr_fd) {
  int ends[2] = {-1, -1};
  struct child *child = calloc(1, sizeof *child);
  if (!child) return JS_ThrowOutOfMemory(context);
  int failure = make_pipe(pipe_wanted, ends);
  if (failure) {
    close_ends(ends);
    free(child);
    return throw_system_error(context, "spawn", command[0], failure);
  }
  JSValue stream = pipe_wanted ? socket_of_descriptor(context, ends[0]) : JS_UNDEFINED;
  ends[0] = -1;
  JSValue process = JS_IsException(stream) ? JS_EXCEPTION : new_process(context, child, stream);
  if (JS_IsException(process)) {
    close_ends(ends);
    free(child);
    return JS_EXCEPTION;
  }
  failure = spawn(command, environment, ends[1], stderr_fd, &child->pid);
  close_ends(ends);
  if (failure) {
    JS_FreeValue(context, child->resolve);
    JS_FreeValue(context, process);
    free(child);
    return throw_system_error(context, "spawn", command[0], failure);
  }
  child->next = children;
  children = child;
  loop_add(&signal_wait);
  if (set_property(context, process, "pid", JS_NewInt32(context, child->pid))) {
    JS_FreeValue(context, process);
    return JS_EXCEPTION;
  }
  return process;
}

static NATIVE(processes_start) {
  bool pipe_wanted;
  if (get_bool_property(context, arguments[0], "pipe", &pipe_wanted)) return JS_EXCEPTION;
  JSValue stderr_property = JS_GetPropertyStr(context, arguments[0], "stderr");
  int32_t stderr_fd = -1;
  if (JS_IsException(stderr_property)) return JS_EXCEPTION;
  int bad = !JS_IsUndefined(stderr_property) && JS_ToInt32(context, &stderr_fd, stderr_property);
  JS_FreeValue(context, stderr_property);
  if (bad) return JS_EXCEPTION;
  char **command = words_from_js(context, arguments[0], "command");
  char **environment = command ? words_from_js(context, arguments[0], "environment") : NULL;
  JSValue result = JS_EXCEPTION;
  if (command && environment) {
    result = command[0] ? start_child(context, command, environment, pipe_wanted, stderr_fd)
                        : JS_ThrowTypeError(context, "start: the command is empty");
  }
  words_free(context, command);
  words_free(context, environment);
  return result;
}

/* Only to a child that has not been reaped: its pid can't belong to anybody else yet. */
static NATIVE(processes_signal) {
  int64_t pid;
  int32_t number;
  if (get_int64_property(context, arguments[0], "pid", &pid) ||
      JS_ToInt32(context, &number, arguments[1])) {
    return JS_EXCEPTION;
  }
  for (struct child *child = children; child; child = child->next) {
    if (child->pid != pid) continue;
    if (kill(child->pid, number) == 0) break;
    int saved_errno = errno;
    return throw_system_error(context, "kill", NULL, saved_errno);
  }
  return JS_UNDEFINED;
}

static NATIVE(processes_variable) {
  char *name = bytes_from_js(context, arguments[0], NULL);
  if (!name) return JS_EXCEPTION;
  const char *value = getenv(name);
  js_free(context, name);
  return value ? bytes_to_js(context, value, strlen(value)) : JS_UNDEFINED;
}

static NATIVE(processes_user_id) { return JS_NewInt64(context, geteuid()); }

static NATIVE(processes_exit) {
  int32_t status;
  if (JS_ToInt32(context, &status, arguments[0])) return JS_EXCEPTION;
  exit(status & 0xff);
}

static int processes_prepare(JSContext *context, JSModuleDef *module) {
  if (socket_prepare(context)) return -1;
  JSValue words = JS_NewArray(context);
  if (JS_IsException(words)) return -1;
  for (int i = 0; i < host_argument_count; i++) {
    JSValue word = bytes_to_js(context, host_arguments[i], strlen(host_arguments[i]));
    if (JS_IsException(word) ||
        JS_DefinePropertyValueUint32(context, words, (uint32_t)i, word, JS_PROP_C_W_E) < 0) {
      JS_FreeValue(context, words);
      return -1;
    }
  }
  return JS_SetModuleExport(context, module, "argv", words);
}

static const JSCFunctionListEntry processes_functions[] = {
    JS_CFUNC_DEF("start", 1, processes_start),
    JS_CFUNC_DEF("signal", 2, processes_signal),
    /* Of the program itself. */
    JS_CFUNC_DEF("variable", 1, processes_variable),
    JS_CFUNC_DEF("userId", 0, processes_user_id),
    JS_CFUNC_DEF("exit", 1, processes_exit),
};

MODULE_WITH_VALUE(processes, processes_functions, processes_prepare, "argv")
