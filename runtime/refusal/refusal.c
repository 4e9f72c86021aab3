/*
 * Memory that is refused on purpose, for tests: only the host that runs under the sanitizers is
 * linked with this (with -Wl,--wrap for malloc, calloc, realloc). It stands between all of our C, the
 * libraries and QuickJS on one side and the C library on the other, and never in a program that ships.
 *
 *   XO_REFUSE=native:7         the 7th allocation that C makes for itself is refused
 *   XO_REFUSE=javascript:7     the 7th that QuickJS makes, of which C's objects for it are part; that
 *                              ends the process, as in memory.c
 *   XO_REFUSE=native:7+        the 7th and all after it, as when memory has really run out
 *
 * A first process that restarts after a failure is refused nothing, unless there is a plus.
 *
 *   XO_ALLOCATIONS=FILE        two 64-bit numbers (in the machine's order), which are kept up to
 *                              date: how many allocations of the two kinds there were
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fail.h"
#include "refusal.h"

enum kind { NATIVE, JAVASCRIPT, KIND_COUNT };

static const char *const kind_names[KIND_COUNT] = {"native:", "javascript:"};
static uint64_t own_counts[KIND_COUNT];
static uint64_t *counts = own_counts;
static uint64_t refused_from[KIND_COUNT];
static bool refuses_rest;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *pointer, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *pointer, size_t size);

static _Noreturn void misused(void) {
  static const char text[] = "XO_REFUSE or XO_ALLOCATIONS makes no sense\n";
  (void)!write(STDERR_FILENO, text, sizeof text - 1);
  _exit(64);
}

static void read_wish(const char *wish) {
  for (int kind = 0; kind < KIND_COUNT; kind++) {
    size_t length = strlen(kind_names[kind]);
    if (strncmp(wish, kind_names[kind], length) != 0) continue;
    char *end;
    refused_from[kind] = strtoull(wish + length, &end, 10);
    refuses_rest = *end == '+';
    if (refused_from[kind] > 0 && end[refuses_rest] == 0) return;
  }
  misused();
}

/* Before main, so that nothing is missed. */
__attribute__((constructor)) static void prepare(void) {
  const char *wish = getenv("XO_REFUSE"), *path = getenv("XO_ALLOCATIONS");
  if (wish) read_wish(wish);
  if (wish && !refuses_rest && getenv("XO_INIT_FAILED")) {
    memset(refused_from, 0, sizeof refused_from);
  }
  if (!path) return;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0 || ftruncate(fd, sizeof own_counts)) misused();
  void *shared = mmap(NULL, sizeof own_counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (shared == MAP_FAILED) misused();
  close(fd);
  counts = shared;
}

static bool is_refused(enum kind kind) {
  uint64_t place = ++counts[kind], from = refused_from[kind];
  bool refused = from > 0 && (refuses_rest ? place >= from : place == from);
  if (refused) errno = ENOMEM;
  return refused;
}

void *__wrap_malloc(size_t size) { return is_refused(NATIVE) ? NULL : __real_malloc(size); }

void *__wrap_calloc(size_t count, size_t size) {
  return is_refused(NATIVE) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *pointer, size_t size) {
  return is_refused(NATIVE) ? NULL : __real_realloc(pointer, size);
}

/* The limit works as in memory.c: the sizes are those that the C library really gave. */
static void *javascript_realloc(JSMallocState *state, void *pointer, size_t size) {
  size_t held = pointer ? malloc_usable_size(pointer) : 0;
  size_t room =
      state->malloc_limit > state->malloc_size ? state->malloc_limit - state->malloc_size : 0;
  if ((size > held && size - held > room) || is_refused(JAVASCRIPT)) out_of_memory();
  void *moved = __real_realloc(pointer, size);
  if (!moved) out_of_memory();
  if (!pointer) state->malloc_count++;
  state->malloc_size += malloc_usable_size(moved) - held;
  return moved;
}

static void *javascript_malloc(JSMallocState *state, size_t size) {
  return javascript_realloc(state, NULL, size);
}

static void javascript_free(JSMallocState *state, void *pointer) {
  if (!pointer) return;
  state->malloc_count--;
  state->malloc_size -= malloc_usable_size(pointer);
  free(pointer);
}

static void *javascript_realloc_or_free(JSMallocState *state, void *pointer, size_t size) {
  if (size > 0) return javascript_realloc(state, pointer, size);
  javascript_free(state, pointer);
  return NULL;
}

static size_t javascript_usable_size(const void *pointer) {
  return malloc_usable_size((void *)pointer);
}

const JSMallocFunctions refusing_functions = {
    javascript_malloc,
    javascript_free,
    javascript_realloc_or_free,
    javascript_usable_size,
};
