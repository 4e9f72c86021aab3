/* The two clocks, and sleep. The wall clock is for logs: trust never depends on it. */
#include <stdlib.h>
#include <time.h>

#include "loop.h"
#include "module.h"

static double seconds_of(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static NATIVE(clock_monotonic_ms) {
  return JS_NewFloat64(context, seconds_of(CLOCK_MONOTONIC) * 1e3);
}

static NATIVE(clock_wall_seconds) { return JS_NewFloat64(context, seconds_of(CLOCK_REALTIME)); }

struct timer {
  struct loop_wait wait;
  JSValue resolve;
};

static void timer_wake(JSContext *context, struct loop_wait *wait, UNUSED bool ready) {
  struct timer *timer = (struct timer *)wait;
  JSValue resolve = timer->resolve;
  free(timer);
  JS_FreeValue(context, JS_Call(context, resolve, JS_UNDEFINED, 0, NULL));
  JS_FreeValue(context, resolve);
}

static NATIVE(clock_sleep) {
  double milliseconds;
  if (JS_ToFloat64(context, &milliseconds, arguments[0])) return JS_EXCEPTION;
  JSValue functions[2];
  JSValue promise = JS_NewPromiseCapability(context, functions);
  if (JS_IsException(promise)) return promise;
  JS_FreeValue(context, functions[1]);
  struct timer *timer = malloc(sizeof *timer);
  if (!timer) {
    JS_FreeValue(context, functions[0]);
    JS_FreeValue(context, promise);
    return JS_ThrowOutOfMemory(context);
  }
  *timer = (struct timer){
      .wait = {.fd = -1, .deadline_ms = loop_deadline_ms(milliseconds), .wake = timer_wake},
      .resolve = functions[0],
  };
  loop_add(&timer->wait);
  return promise;
}

static const JSCFunctionListEntry clock_functions[] = {
    JS_CFUNC_DEF("monotonicMs", 0, clock_monotonic_ms),
    JS_CFUNC_DEF("wallSeconds", 0, clock_wall_seconds),
    JS_CFUNC_DEF("sleep", 1, clock_sleep),
};

MODULE(clock, clock_functions)
