/*
 * The signals that people and the kernel send to a first process. They are blocked and read from a
 * file, so that none ever interrupts anything.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "loop.h"
#include "system.h"

static const int taken[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};

static struct loop_wait signal_wait = {.fd = -1};
static JSValue waiter;

/* 0, or the errno. */
static int take_signals(void) {
  if (signal_wait.fd >= 0) return 0;
  sigset_t signals;
  sigemptyset(&signals);
  for (size_t i = 0; i < COUNT_OF(taken); i++) sigaddset(&signals, taken[i]);
  int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) return errno;
  sigprocmask(SIG_BLOCK, &signals, NULL);
  signal_wait.fd = fd;
  return 0;
}

static void signal_wake(JSContext *context, struct loop_wait *wait, UNUSED bool ready) {
  struct signalfd_siginfo signal;
  if (read(wait->fd, &signal, sizeof signal) != (ssize_t)sizeof signal) {
    loop_add(wait);
    return;
  }
  JSValue resolve = waiter, number = JS_NewInt32(context, (int32_t)signal.ssi_signo);
  JS_FreeValue(context, JS_Call(context, resolve, JS_UNDEFINED, 1, (JSValueConst *)&number));
  JS_FreeValue(context, resolve);
}

NATIVE(system_next_signal) {
  if (signal_wait.added) return JS_ThrowTypeError(context, "nextSignal: somebody waits already");
  int failure = take_signals();
  if (failure) return throw_system_error(context, "signalfd", NULL, failure);
  JSValue functions[2];
  JSValue promise = JS_NewPromiseCapability(context, functions);
  if (JS_IsException(promise)) return promise;
  JS_FreeValue(context, functions[1]);
  waiter = functions[0];
  signal_wait.events = POLLIN;
  signal_wait.deadline_ms = LOOP_FOREVER;
  signal_wait.wake = signal_wake;
  loop_add(&signal_wait);
  return promise;
}
