/* The entries of a manifest by their numbers: finds any with a bounded table, and the next one at once. */
#ifndef ENTRY_INDEX_H
#define ENTRY_INDEX_H

#include "limits.h"
#include "line-reader.h"

/* One of so many places is kept. */
#define ENTRIES_TOGETHER 64

struct entry_index {
  int fd;
  uint32_t count;
  /* The number of the entry that the reader comes to next. */
  uint32_t next;
  uint32_t places[MANIFEST_ENTRIES_MAX / ENTRIES_TOGETHER + 1];
  struct line_reader reader;
};

/* Reads the manifest once; -1: no manifest, so no entries. 0, or -1 with a fault. */
int entry_index_begin(struct entry_index *index, int fd, struct fault *fault);

/* The entry, decoded; `what` (old, new) is for messages. It must be a regular file. 0, or -1 with a fault. */
int entry_index_find(struct entry_index *index, uint32_t number, struct entry *entry,
                     const char *what, struct fault *fault);

#endif
