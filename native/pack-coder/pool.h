/* Threads that work through tasks in the order in which they come. What a task makes never depends on another one. */
#ifndef PACK_CODER_POOL_H
#define PACK_CODER_POOL_H

#include <stdbool.h>

struct task {
  void (*run)(struct task *task);
  struct task *next;
  bool is_done;
};

struct pool;

/* NULL with errno if the machine gives no thread at all; with fewer threads than wanted it is only slower. */
struct pool *pool_new(unsigned threads);
/* The task stays the caller's, who has to wait for it. */
void pool_add(struct pool *pool, struct task *task);
void pool_wait(struct pool *pool, const struct task *task);
/* All tasks must be done. */
void pool_free(struct pool *pool);

#endif
