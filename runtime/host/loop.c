/*
 * The event loop over poll(2). The waits are a list in the order of arrival; few are ever there at
 * once (a socket's two directions, a timer, some children), so each turn looks at all of them.
 */
#include "loop.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "values.h"

/* So that timers and the other direction of a socket get their turn even while jobs make more jobs. */
#define JOBS_A_TURN_MAX 256
/* Above this a time-out means "never": 2^52 ms are longer than any laptop runs. */
#define TIMEOUT_MS_MAX 4503599627370496.0

static struct loop_wait *first_wait, *last_wait;
static size_t wait_count;
static int64_t turn;

/* Milliseconds of a clock that never goes back. */
static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t loop_deadline_ms(double timeout_ms) {
  if (timeout_ms >= TIMEOUT_MS_MAX) return LOOP_FOREVER;
  if (!(timeout_ms > 0)) return now_ms();
  int64_t whole = (int64_t)timeout_ms;
  /* A fraction of a millisecond counts as a whole one, and the clock itself was rounded down. */
  return now_ms() + whole + 1;
}

void loop_add(struct loop_wait *wait) {
  if (wait->added) return;
  wait->added = true;
  wait->turn = turn;
  wait->seen = 0;
  wait->next = NULL;
  wait->previous = last_wait;
  if (last_wait) last_wait->next = wait;
  else first_wait = wait;
  last_wait = wait;
  wait_count++;
}

void loop_remove(struct loop_wait *wait) {
  if (!wait->added) return;
  wait->added = false;
  if (wait->previous) wait->previous->next = wait->next;
  else first_wait = wait->next;
  if (wait->next) wait->next->previous = wait->previous;
  else last_wait = wait->previous;
  wait_count--;
}

/* How long poll may wait: until the next deadline, in the int that it takes. */
static int poll_timeout_ms(bool jobs_left) {
  if (jobs_left) return 0;
  int64_t next = LOOP_FOREVER;
  for (struct loop_wait *wait = first_wait; wait; wait = wait->next)
    if (wait->deadline_ms < next) next = wait->deadline_ms;
  if (next == LOOP_FOREVER) return -1;
  int64_t left = next - now_ms();
  if (left <= 0) return 0;
  return left > 3600000 ? 3600000 : (int)left;
}

/* Asks poll about all waits with a file, and notes in each what was seen. */
static int look(JSContext *context, int timeout_ms) {
  static struct pollfd *asked;
  static size_t asked_size;
  if (asked_size < wait_count) {
    struct pollfd *larger = realloc(asked, (wait_count + 8) * sizeof *asked);
    if (!larger) {
      JS_ThrowOutOfMemory(context);
      return -1;
    }
    asked = larger;
    asked_size = wait_count + 8;
  }
  size_t count = 0;
  for (struct loop_wait *wait = first_wait; wait; wait = wait->next) {
    wait->seen = 0;
    if (wait->fd >= 0) asked[count++] = (struct pollfd){.fd = wait->fd, .events = wait->events};
  }
  int found = poll(asked, (nfds_t)count, timeout_ms);
  if (found < 0) {
    if (errno == EINTR || errno == EAGAIN) return 0;
    int saved_errno = errno;
    throw_system_error(context, "poll", NULL, saved_errno);
    return -1;
  }
  size_t index = 0;
  for (struct loop_wait *wait = first_wait; wait; wait = wait->next)
    if (wait->fd >= 0) wait->seen = asked[index++].revents;
  return 0;
}

/* Wakes whatever is due. A wait added by a wake of this turn has its turn in the next. */
static void wake_due(JSContext *context) {
  turn++;
  int64_t now = now_ms();
  for (;;) {
    struct loop_wait *wait = first_wait;
    while (wait && (wait->turn == turn || (!wait->seen && wait->deadline_ms > now))) {
      wait = wait->next;
    }
    if (!wait) return;
    bool ready = wait->seen != 0;
    loop_remove(wait);
    wait->wake(context, wait, ready);
  }
}

/* 1: jobs are left, 0: none, -1: one threw. */
static int run_jobs(JSContext *context) {
  JSContext *job_context;
  for (int i = 0; i < JOBS_A_TURN_MAX; i++) {
    int result = JS_ExecutePendingJob(JS_GetRuntime(context), &job_context);
    if (result <= 0) return result;
  }
  return 1;
}

int loop_run(JSContext *context, int (*after_jobs)(JSContext *context)) {
  for (;;) {
    int jobs = run_jobs(context);
    if (jobs < 0) return -1;
    if (jobs == 0) {
      if (after_jobs(context)) return -1;
      if (!first_wait) return 0;
    }
    if (look(context, poll_timeout_ms(jobs > 0))) return -1;
    wake_due(context);
  }
}
