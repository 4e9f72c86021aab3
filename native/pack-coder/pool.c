/* Threads for tasks; see the header. */
#include "pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "bytes.h"

/* zstd and divsufsort keep some tens of KiB there; musl's own default is 128 KiB. */
#define STACK_SIZE (1024u * 1024)

struct pool {
  pthread_mutex_t lock;
  /* There is a task, or the end; a task is done. */
  pthread_cond_t changed, done;
  struct task *first, **last;
  bool is_ending;
  unsigned count;
  pthread_t threads[];
};

static void *work(void *argument) {
  struct pool *pool = argument;
  pthread_mutex_lock(&pool->lock);
  for (;;) {
    while (!pool->first && !pool->is_ending) pthread_cond_wait(&pool->changed, &pool->lock);
    struct task *task = pool->first;
    if (!task) break;
    pool->first = task->next;
    if (!pool->first) pool->last = &pool->first;
    pthread_mutex_unlock(&pool->lock);
    task->run(task);
    pthread_mutex_lock(&pool->lock);
    task->is_done = true;
    pthread_cond_broadcast(&pool->done);
  }
  pthread_mutex_unlock(&pool->lock);
  return NULL;
}

/* Signals go to the thread of JavaScript. */
static void start_threads(struct pool *pool, unsigned threads) {
  sigset_t all, before;
  pthread_attr_t attributes;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_SIZE);
  while (pool->count < threads) {
    int result = pthread_create(&pool->threads[pool->count], &attributes, work, pool);
    if (result != 0) {
      errno = result;
      break;
    }
    pool->count++;
  }
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct pool *pool_new(unsigned threads) {
  struct pool *pool = memory_take(sizeof *pool + threads * sizeof *pool->threads);
  *pool = (struct pool){0};
  pool->last = &pool->first;
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->changed, NULL);
  pthread_cond_init(&pool->done, NULL);
  start_threads(pool, threads);
  if (pool->count > 0) return pool;
  int saved = errno;
  pool_free(pool);
  errno = saved;
  return NULL;
}

void pool_add(struct pool *pool, struct task *task) {
  pthread_mutex_lock(&pool->lock);
  task->next = NULL;
  task->is_done = false;
  *pool->last = task;
  pool->last = &task->next;
  pthread_cond_signal(&pool->changed);
  pthread_mutex_unlock(&pool->lock);
}

void pool_wait(struct pool *pool, const struct task *task) {
  pthread_mutex_lock(&pool->lock);
  while (!task->is_done) pthread_cond_wait(&pool->done, &pool->lock);
  pthread_mutex_unlock(&pool->lock);
}

void pool_free(struct pool *pool) {
  pthread_mutex_lock(&pool->lock);
  pool->is_ending = true;
  pthread_cond_broadcast(&pool->changed);
  pthread_mutex_unlock(&pool->lock);
  for (unsigned i = 0; i < pool->count; i++) pthread_join(pool->threads[i], NULL);
  pthread_cond_destroy(&pool->changed);
  pthread_cond_destroy(&pool->done);
  pthread_mutex_destroy(&pool->lock);
  free(pool);
}
