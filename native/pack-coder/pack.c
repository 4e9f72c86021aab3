/* All files of a pack; see the header. */
#include "pack.h"

#include <errno.h>

/* So many files are planned ahead of the one that is put into a frame, for each worker, and so many frames wait. */
#define PLANS_AHEAD 16
#define FRAMES_WAITING 2

struct run {
  const struct pack *pack;
  struct pool *pool;
  struct frames *frames;
  /* Plans that are in the pool or done, and not yet in a frame: from `taken` to `started`. */
  size_t taken, started;
  uint64_t memory;
};

/* Starts what there is memory for; and at least one, or the work would not go on. */
static void start_plans(struct run *run) {
  const struct pack *pack = run->pack;
  size_t ahead_max = (size_t)pack->workers * PLANS_AHEAD;
  while (run->started < pack->count && run->started - run->taken < ahead_max) {
    struct plan *plan = &pack->plans[run->started];
    bool fits = run->memory + plan->memory <= pack->memory_max;
    if (!fits && run->started > run->taken) return;
    run->memory += plan->memory;
    run->started++;
    pool_add(run->pool, &plan->task);
  }
}

static void count_plan(const struct plan *plan, struct pack_summary *summary) {
  if (plan->chosen < 0) summary->whole++;
  else summary->from_base++;
  summary->opened += plan->is_opened;
  summary->bytes += plan->size;
}

static enum pack_result take_plans(struct run *run, struct pack_summary *summary,
                                   struct pack_failure *failure) {
  const struct pack *pack = run->pack;
  for (; run->taken < pack->count; run->taken++) {
    start_plans(run);
    struct plan *plan = &pack->plans[run->taken];
    pool_wait(run->pool, &plan->task);
    if (plan->failed) {
      *failure = (struct pack_failure){plan->failed, "read", plan->failed_path};
      return PACK_FAILED;
    }
    if (frames_add(run->frames, plan)) {
      *failure = (struct pack_failure){errno, "write", NULL};
      return PACK_FAILED;
    }
    count_plan(plan, summary);
    plan_free(plan);
    run->memory -= plan->memory;
    if (pack->progress(pack->owner, run->taken + 1, summary->bytes, plan->path)) {
      run->taken++;
      return PACK_STOPPED;
    }
  }
  if (frames_end(run->frames) == 0) return PACK_DONE;
  *failure = (struct pack_failure){errno, "write", NULL};
  return PACK_FAILED;
}

enum pack_result pack_encode(const struct pack *pack, struct frames *frames,
                             struct pack_summary *summary, struct pack_failure *failure) {
  *summary = (struct pack_summary){0};
  struct run run = {.pack = pack, .frames = frames, .pool = pool_new(pack->workers)};
  *frames = (struct frames){0};
  if (!run.pool) {
    *failure = (struct pack_failure){errno, "pthread_create", NULL};
    return PACK_FAILED;
  }
  frames_begin(frames, run.pool, pack->target, pack->workers * FRAMES_WAITING);
  enum pack_result result = take_plans(&run, summary, failure);
  for (; run.taken < run.started; run.taken++) {
    pool_wait(run.pool, &pack->plans[run.taken].task);
    plan_free(&pack->plans[run.taken]);
  }
  frames_stop(frames);
  pool_free(run.pool);
  return result;
}
