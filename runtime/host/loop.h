/*
 * The event loop: waits for files, times and JavaScript jobs, and ends when nothing is waited for.
 * Modules add a wait and get one call; nothing else in the program may sleep.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "quickjs.h"

#define LOOP_FOREVER INT64_MAX

/*
 * One thing that is waited for. Belongs to the module that adds it, which keeps it alive while it is
 * in the loop. `wake` is called once, with the wait already taken out: `ready` is true if the file
 * has an event, false if the deadline came first.
 */
struct loop_wait {
  int fd;              /* -1: only the deadline. */
  short events;        /* POLLIN, POLLOUT. */
  int64_t deadline_ms; /* Of loop_deadline_ms, or LOOP_FOREVER. */
  void (*wake)(JSContext *context, struct loop_wait *wait, bool ready);
  struct loop_wait *previous, *next;
  bool added;
  int64_t turn; /* The loop's own: the turn in which it was added. */
  short seen;   /* The loop's own: the events that poll found. */
};

/* The deadline that lies `timeout_ms` from now, whatever number JavaScript gave. */
int64_t loop_deadline_ms(double timeout_ms);

void loop_add(struct loop_wait *wait);

/* Takes it out again; does nothing if it is not in. */
void loop_remove(struct loop_wait *wait);

/*
 * Runs until `finished` returns true, nothing is waited for any more (returns 0), or a job threw
 * (returns -1 with the exception in the context). `after_jobs` is called whenever no job is left,
 * and ends the loop with -1 if it returns non-zero.
 */
int loop_run(JSContext *context, int (*after_jobs)(JSContext *context));

#endif
