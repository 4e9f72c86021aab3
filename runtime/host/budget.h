/*
 * What C may hold of what comes from outside: file lists and token streams of a source, and the
 * manifests that were signed. The one place that counts this memory, and refuses more of it.
 */
#ifndef BUDGET_H
#define BUDGET_H

#include <stdbool.h>
#include <stddef.h>

#include "native.h"

struct budget {
  /* What holds it, for the message. */
  const char *holder;
  /* Bytes. */
  size_t limit;
  size_t held;
  /* The last refusal was this budget's own, and not for lack of memory. */
  bool spent;
};

/* Of all sessions with sources together. */
extern struct budget budget_source;
/* Of everything that walks signed trees. */
extern struct budget budget_manifest;
/* Of a pack that is read. */
extern struct budget budget_pack;

/* Of all clients that are served together. */
extern struct budget budget_clients;

/* A number of MiB in XO_NATIVE_MEMORY_LIMIT_MB is the limit of each of them, instead of its own. */
void budget_prepare(void);

/* Zeroed memory; NULL if the budget or the machine has no more. To be released by budget_free. */
void *budget_take(struct budget *budget, size_t count, size_t size);
/* As realloc, of what budget_take or this gave, or NULL. */
void *budget_resize(struct budget *budget, void *memory, size_t size);
void budget_free(struct budget *budget, void *memory);

/* After a refusal: what it was for, at most `size` bytes with the NUL. False if memory was short. */
bool budget_describe(const struct budget *budget, char *text, size_t size);

/* After a refusal: throws the ManifestError of a budget that is spent, or else that there is no memory. */
JSValue budget_throw(JSContext *context, const struct budget *budget);

#endif
