/*
 * Other programs, and this one's own start and end. SIGCHLD tells of the end of a child; its
 * handler only writes to a pipe that the loop watches. Children that are not ours are left alone,
 * except by the first process of a machine, which inherits every orphan and has to reap them. The inner
 * one of two processes (outside.h) has no children: it asks, and a pipe tells of each end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../sockets/socket.h"
#include "arguments.h"
#include "inside.h"
#include "loop.h"
#include "module.h"
#include "spawn.h"
#include "words.h"

/* A child that has not been reaped, or a program that the outer process has started. */
struct child {
  struct loop_wait told; /* Of its end, by the outer process. */
  pid_t pid;
  JSValue resolve;
  struct child *next;
};

/* More kinds of programs than any configuration names. */
#define PROGRAMS_MAX 16

static struct child *children;
static int signal_pipe[2] = {-1, -1};
static struct loop_wait signal_wait;

static void on_child_signal(UNUSED int number) {
  int saved_errno = errno;
  /* A full pipe already says all there is to say. */
  (void)!write(signal_pipe[1], "", 1);
  errno = saved_errno;
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
    spawn_reap(ended.si_pid);
  }
}

/* Settles the promise of a child that is in no list any more. */
static void tell_end(JSContext *context, struct child *child, int status) {
  JSValue value = JS_NewInt32(context, status);
  JS_FreeValue(context, JS_Call(context, child->resolve, JS_UNDEFINED, 1, (JSValueConst *)&value));
  JS_FreeValue(context, child->resolve);
  free(child);
}

/* The outer process says how it ended, or has ended itself. */
static void outside_wake(JSContext *context, struct loop_wait *wait, UNUSED bool ready) {
  struct child *child = (struct child *)wait;
  int32_t status;
  if (read(wait->fd, &status, sizeof status) != (ssize_t)sizeof status) status = 255;
  close(wait->fd);
  struct child **link = &children;
  while (*link != child) link = &(*link)->next;
  *link = child->next;
  tell_end(context, child, status);
}

static void children_wake(JSContext *context, struct loop_wait *wait, UNUSED bool ready) {
  char drained[64];
  while (read(wait->fd, drained, sizeof drained) > 0) continue;
  for (struct child **link = &children; *link;) {
    struct child *child = *link;
    int status = spawn_reap(child->pid);
    if (status < 0) {
      link = &child->next;
      continue;
    }
    *link = child->next;
    tell_end(context, child, status);
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
  int failure = inside_is_apart() ? 0 : watch_children();
  if (failure || !wanted) return failure;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) return errno;
  return fcntl(ends[0], F_SETFL, O_RDWR | O_NONBLOCK) ? errno : 0;
}

/* 0, or the errno: starts it, or has it started, and watches for its end. */
static int start_watched(struct child *child, char **command, char **environment, int pipe_end,
                         int stderr_fd) {
  if (!inside_is_apart()) {
    int failure = spawn_program(command, environment, pipe_end, stderr_fd, &child->pid);
    if (!failure) loop_add(&signal_wait);
    return failure;
  }
  int ended_fd;
  int failure = inside_start(command, environment, pipe_end, stderr_fd, &child->pid, &ended_fd);
  if (failure) return failure;
  child->told = (struct loop_wait){
      .fd = ended_fd, .events = POLLIN, .deadline_ms = LOOP_FOREVER, .wake = outside_wake};
  loop_add(&child->told);
  return 0;
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
  failure = start_watched(child, command, environment, ends[1], stderr_fd);
  close_ends(ends);
  if (failure) {
    JS_FreeValue(context, child->resolve);
    JS_FreeValue(context, process);
    free(child);
    return throw_system_error(context, "spawn", command[0], failure);
  }
  child->next = children;
  children = child;
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
    int failure = inside_is_apart()          ? inside_signal(child->pid, number)
                  : kill(child->pid, number) ? errno
                                             : 0;
    return failure ? throw_system_error(context, "kill", NULL, failure) : JS_UNDEFINED;
  }
  return JS_UNDEFINED;
}

static void free_programs(JSContext *context, struct startable *programs, size_t count) {
  for (size_t i = 0; i < count; i++) {
    words_free(context, programs[i].command);
    words_free(context, programs[i].environment);
    js_free(context, programs[i].reads);
  }
  js_free(context, programs);
}

/* The folder that a program only reads, or NULL. -1 with an exception. */
static int reads_from_js(JSContext *context, JSValueConst value, char **reads) {
  JSValue path = JS_GetPropertyStr(context, value, "reads");
  if (JS_IsException(path)) return -1;
  bool has = !JS_IsUndefined(path);
  if (has) *reads = bytes_from_js(context, path, NULL);
  JS_FreeValue(context, path);
  return has && !*reads ? -1 : 0;
}

/* The list of programs; NULL with an exception. */
static struct startable *programs_from_js(JSContext *context, JSValueConst array, size_t *count) {
  int64_t length;
  *count = 0;
  if (get_int64_property(context, array, "length", &length)) return NULL;
  if (length < 0 || length > PROGRAMS_MAX) {
    JS_ThrowRangeError(context, "standApart: more than %d programs", PROGRAMS_MAX);
    return NULL;
  }
  struct startable *programs = js_mallocz(context, ((size_t)length + 1) * sizeof *programs);
  while (programs && *count < (size_t)length) {
    JSValue value = JS_GetPropertyUint32(context, array, (uint32_t)*count);
    struct startable *program = &programs[(*count)++];
    program->command = words_from_js(context, value, "command");
    if (program->command) program->environment = words_from_js(context, value, "environment");
    bool failed = !program->environment || reads_from_js(context, value, &program->reads);
    JS_FreeValue(context, value);
    if (!failed) continue;
    free_programs(context, programs, *count);
    return NULL;
  }
  return programs;
}

static NATIVE(processes_stand_apart) {
  if (inside_is_apart() || children) {
    return JS_ThrowTypeError(context, "standApart: it is too late");
  }
  JSValue array = JS_GetPropertyStr(context, arguments[0], "programs");
  if (JS_IsException(array)) return array;
  size_t count;
  struct startable *programs = programs_from_js(context, array, &count);
  JS_FreeValue(context, array);
  char **sockets = programs ? words_from_js(context, arguments[0], "sockets") : NULL;
  JSValue result = JS_EXCEPTION;
  if (sockets) {
    int failure = inside_split(programs, count, sockets);
    result = failure ? throw_system_error(context, "fork", NULL, failure) : JS_UNDEFINED;
  }
  words_free(context, sockets);
  if (programs) free_programs(context, programs, count);
  return result;
}

static NATIVE(processes_start_anew) {
  if (!inside_is_apart()) return throw_system_error(context, "execve", NULL, ENOSYS);
  int failure = inside_start_anew();
  if (failure) return throw_system_error(context, "execve", NULL, failure);
  exit(0);
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
    JS_CFUNC_DEF("standApart", 1, processes_stand_apart),
    JS_CFUNC_DEF("startAnew", 0, processes_start_anew),
    /* Of the program itself. */
    JS_CFUNC_DEF("variable", 1, processes_variable),
    JS_CFUNC_DEF("userId", 0, processes_user_id),
    JS_CFUNC_DEF("exit", 1, processes_exit),
};

MODULE_WITH_VALUE(processes, processes_functions, processes_prepare, "argv")
