/*
 * The entries of a list to be sent in memory: 28 bytes each, and the name without its directory. sent-list.c fills
 * it, sent-wire.c reads it. Knows nothing of JavaScript.
 */
#ifndef SENT_ENTRIES_H
#define SENT_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "../delta/fault.h"

/* Of one name (bytes); rsync refuses 4096. */
#define SENT_NAME_MAX 4095
/* The place of entries that are on no disk, and the most that there may be of others. */
#define PLACE_MADE 0xfff

enum sent_content { CONTENT_NONE, CONTENT_NAMES, CONTENT_TREE };

struct sent_entry {
  /* In the arena: the directory's name (length in 2 bytes); the name in it (in 1), and what is more. */
  uint32_t directory;
  uint32_t name;
  /* Of a device node: major and minor. */
  uint32_t size_low;
  uint16_t size_high;
  uint16_t mode;
  uint32_t seconds_low;
  uint32_t nanoseconds : 30;
  uint32_t seconds_high : 2;
  uint16_t owner;
  uint16_t place : 12;
  uint16_t content : 2;
  uint16_t is_top : 1;
  /* Several names lead to its inode. */
  uint16_t is_linked : 1;
};

struct sent_owner {
  uint32_t uid;
  uint32_t gid;
};

/* One of several names of an inode; when all are known, one that isn't the first of them. */
struct sent_link {
  uint64_t inode;
  uint32_t device;
  uint32_t entry;
};

struct sent_entries {
  uint32_t entries_max;
  uint8_t *arena;
  uint32_t arena_length;
  uint32_t arena_size;
  /* The directory of the newest entry: the next one is mostly in the same one. */
  uint32_t last_directory;
  struct sent_entry *entries;
  uint32_t count;
  uint32_t entries_size;
  struct sent_owner *owners;
  uint32_t owner_count;
  uint32_t owners_size;
  struct sent_link *links;
  uint32_t link_count;
  uint32_t links_size;
  uint64_t *devices;
  uint32_t device_count;
  uint32_t devices_size;
  uint32_t *order;
};

/* What a new entry has beside its name. */
struct sent_facts {
  struct stat status;
  /* Of a symlink; or else of what was made: its key (4 bytes) and its sum. */
  const void *more;
  size_t more_length;
  unsigned place;
  enum sent_content content;
  bool is_top;
};

int sent_entries_open(struct sent_entries *entries, uint32_t entries_max, struct fault *fault);
void sent_entries_close(struct sent_entries *entries);

/* Adds an entry. `keeps_links`: and says to which inode it leads. 0, or -1 with a fault. */
int sent_entries_add(struct sent_entries *entries, const char *name, size_t length,
                     const struct sent_facts *facts, bool keeps_links, struct fault *fault);

/* Writes the name (SENT_NAME_MAX bytes and a NUL at most); its length. */
size_t sent_entry_name(const struct sent_entries *entries, const struct sent_entry *entry,
                       char *text);
/* The link's text, or what else came with it. */
const uint8_t *sent_entry_more(const struct sent_entries *entries, const struct sent_entry *entry,
                               size_t *length);

/* After the last entry: of all names of an inode but the first, which is the first, by the entry's number. */
void sent_entries_group(struct sent_entries *entries);
/* After the list has been sent: brings it into order, and gives back what is not needed any more. */
int sent_entries_sort(struct sent_entries *entries, struct fault *fault);

static inline uint64_t sent_entry_size(const struct sent_entry *entry) {
  return (uint64_t)entry->size_high << 32 | entry->size_low;
}

static inline int64_t sent_entry_seconds(const struct sent_entry *entry) {
  uint64_t bits = (uint64_t)entry->seconds_high << 32 | entry->seconds_low;
  return (int64_t)(bits << 30) >> 30;
}

static inline bool sent_entry_is_device(const struct sent_entry *entry) {
  return S_ISCHR(entry->mode) || S_ISBLK(entry->mode);
}

static inline bool sent_entry_is_special(const struct sent_entry *entry) {
  return S_ISFIFO(entry->mode) || S_ISSOCK(entry->mode);
}

#endif
