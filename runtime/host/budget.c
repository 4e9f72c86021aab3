/* Counting what C holds of what comes from outside; see budget.h. Only the JavaScript thread comes here. */
#include "budget.h"

#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "values.h"

#define MIB ((size_t)1024 * 1024)

/*
 * The list of the largest image that a manifest can hold, 300,000 entries, and the window of its
 * stream. Beside the 8 MiB of everything else it keeps the program below 32 MiB, whatever comes.
 */
struct budget budget_source = {.holder = "the file list and the streams of a source",
                               .limit = 22 * MIB};
/* The same image compared with as large a one: its inodes, and two indexes of its content. */
struct budget budget_manifest = {.holder = "comparing the manifest", .limit = 32 * MIB};
/* The limits of native/packs/limits.h, all reached at once. */
struct budget budget_pack = {.holder = "a pack", .limit = 11 * MIB};
/* Three clients of 3 MiB, as many as are served at once, and one that is just leaving. */
struct budget budget_clients = {.holder = "the lists and files of those who are served",
                                .limit = 12 * MIB};

void budget_prepare(void) {
  const char *wanted = getenv("XO_NATIVE_MEMORY_LIMIT_MB");
  if (!wanted) return;
  char *end;
  errno = 0;
  unsigned long megabytes = strtoul(wanted, &end, 10);
  if (errno || end == wanted || *end || megabytes == 0 || megabytes > SIZE_MAX / MIB) return;
  budget_source.limit = budget_manifest.limit = megabytes * MIB;
  budget_pack.limit = budget_clients.limit = megabytes * MIB;
}

/* The allocator rounds up, so that what is held may be a little more than the limit. */
static size_t left(const struct budget *budget) {
  return budget->held < budget->limit ? budget->limit - budget->held : 0;
}

void *budget_take(struct budget *budget, size_t count, size_t size) {
  budget->spent = size > 0 && count > left(budget) / size;
  if (budget->spent) return NULL;
  void *memory = calloc(count, size);
  if (memory) budget->held += malloc_usable_size(memory);
  return memory;
}

void *budget_resize(struct budget *budget, void *memory, size_t size) {
  if (!memory) return budget_take(budget, 1, size);
  size_t held = malloc_usable_size(memory);
  budget->spent = size > held && size - held > left(budget);
  if (budget->spent) return NULL;
  void *resized = realloc(memory, size);
  if (resized) budget->held += malloc_usable_size(resized) - held;
  return resized;
}

void budget_free(struct budget *budget, void *memory) {
  if (memory) budget->held -= malloc_usable_size(memory);
  free(memory);
}

bool budget_describe(const struct budget *budget, char *text, size_t size) {
  if (!budget->spent) return false;
  snprintf(text, size,
           "%s would take more than the %zu MiB of memory that it may have; "
           "XO_NATIVE_MEMORY_LIMIT_MB in the environment allows another number",
           budget->holder, budget->limit / MIB);
  return true;
}

JSValue budget_throw(JSContext *context, const struct budget *budget) {
  char text[300];
  if (!budget_describe(budget, text, sizeof text)) return JS_ThrowOutOfMemory(context);
  return throw_named_error(context, "ManifestError", "%s", text);
}
