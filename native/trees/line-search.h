/*
 * Looks lines of a manifest up by path: by binary search in the sorted file, or by reading on where the
 * path comes soon after the one before, as the next entry of a folder does. Holds one line in memory.
 */
#ifndef TREES_LINE_SEARCH_H
#define TREES_LINE_SEARCH_H

#include "manifest-reader.h"

struct line_search {
  JSContext *context;
  /* Where the line of the entry is held. */
  struct manifest_reader *reader;
  /* The line that was read last; only its path is filled in. */
  struct entry *entry;
  bool has_entry;
};

enum search_result { SEARCH_FAILED = -1, SEARCH_ABSENT = 0, SEARCH_FOUND = 1 };

/* -1 with an exception. To be released either way. */
int line_search_open(JSContext *context, struct line_search *search, int manifest);
void line_search_release(JSRuntime *runtime, struct line_search *search);

/* Looks for a path. SEARCH_FAILED has thrown. */
enum search_result line_search(struct line_search *search, const char *path, size_t length);

#endif
