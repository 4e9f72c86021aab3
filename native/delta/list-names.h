/*
 * The names and the entries of a file list in memory, their order (flist.c f_name_cmp) and the search
 * in it. file-list.c fills it from the wire.
 */
#ifndef LIST_NAMES_H
#define LIST_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"

/* Of one name (bytes); rsync refuses 4096. */
#define NAME_MAX_LENGTH 4095

struct list_entry {
  /* Where in the arena the directory's name is, and the name within it. */
  uint32_t directory;
  uint32_t name : 31;
  /* A later entry of a name that is there already: it keeps its place in the order, and is never found. */
  uint32_t cleared : 1;
  int64_t size;
  /* The modification time in the upper 48 bits, the mode in the lower 16. */
  uint64_t seconds_and_mode;
};

struct list_names {
  /* Each string: its length in 2 bytes, then its bytes. The empty one is at 0. */
  uint8_t *arena;
  uint32_t arena_length;
  uint32_t arena_size;
  /* The directory of the newest entry: the next one is mostly in the same one. */
  uint32_t last_directory;
  struct list_entry *entries;
  uint32_t count;
  uint32_t entries_size;
  /* Positions in `entries`, in rsync's order; from list_names_sort on. */
  uint32_t *order;
};

int list_names_open(struct list_names *names, struct fault *fault);
void list_names_close(struct list_names *names);

/* Adds an entry with a clean name. 0, or -1 with a fault. */
int list_names_add(struct list_names *names, const char *name, size_t length, int64_t size,
                   int64_t seconds, uint32_t mode, struct fault *fault);

/* Sorts, and clears duplicates: of entries with one name a directory stays, or else the first. */
int list_names_sort(struct list_names *names, struct fault *fault);

/* The place in the order of the entry with this name, or -1. After list_names_sort. */
int64_t list_names_find(const struct list_names *names, const char *name, size_t length);

/* The same, for a known kind. */
int64_t list_names_find_kind(const struct list_names *names, const char *name, size_t length,
                             bool directory);

/* Writes the name (at most 4095 bytes and a NUL); its length. */
size_t list_names_text(const struct list_names *names, const struct list_entry *entry, char *text);

static inline uint32_t list_entry_mode(const struct list_entry *entry) {
  return (uint32_t)(entry->seconds_and_mode & 0xffff);
}

static inline bool list_entry_is_directory(const struct list_entry *entry) {
  return (list_entry_mode(entry) & 0170000) == 0040000;
}

#endif
