/*
 * The file list that is sent (rsync flist.c send_file_list): adding and walking, then draining, then asking.
 * Knows nothing of JavaScript.
 */
#ifndef SENT_LIST_H
#define SENT_LIST_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../checksums/hash.h"
#include "../delta/fault.h"
#include "sent-entries.h"
#include "sent-wire.h"

struct sent_place {
  int directory;
  /* Below the directory; and what it is called on the wire. */
  char *path;
  char *at;
};

enum sent_stage { SENT_ADDING, SENT_DRAINING, SENT_DRAINED, SENT_FAILED };

/* The whole-file sum of a file that is listed with it, made piece by piece. */
struct sent_sum {
  struct hash *hash;
  uint8_t *piece;
  int fd;
  int64_t position;
  bool is_made;
  uint8_t bytes[HASH_LENGTH_MAX];
};

/* Names of ids: one after the other, id (4 bytes), length (1), bytes. Absent with `--numeric-ids`. */
struct id_names {
  bool are_sent;
  uint8_t *bytes;
  size_t length;
  size_t at;
};

struct sent_end {
  int32_t io_error;
  bool error_end;
  bool root_name;
  struct id_names users;
  struct id_names groups;
};

struct sent_list {
  struct wire_options options;
  struct sent_entries entries;
  enum sent_stage stage;
  /* A function of JavaScript's is being asked: nobody may touch the list. */
  bool is_busy;
  struct sent_place *places;
  unsigned place_count;
  /* The walk: entries before this one are done, and the directory that is being read. */
  uint32_t walked;
  DIR *walking;
  /* The draining: entries before this one are written; then come the end, and the lists of ids. */
  struct sent_wire wire;
  uint32_t written;
  bool end_is_written;
  struct sent_end end;
  struct sent_sum sum;
  uint8_t *piece;
  size_t piece_at;
  size_t piece_length;
};

struct sent_list *sent_list_open(const struct wire_options *options, uint32_t entries_max,
                                 struct fault *fault);
/* Never while it is busy. */
void sent_list_close(struct sent_list *list);

/* The number of a place, or -1 with a fault. */
int sent_list_add_place(struct sent_list *list, int directory, const char *path, const char *at,
                        struct fault *fault);

/* Whether the name is the place's, or below it. */
bool sent_list_is_below(const struct sent_list *list, unsigned place, const char *name);
/* Writes the path of a name of a place (PATH_SIZE_MAX bytes). False if it is not below the place, or too long. */
bool sent_list_path(const struct sent_list *list, unsigned place, const char *name, char *path);

/* Adds what is on the disk; its mode in facts->status. 0, or -1 with a fault. */
int sent_list_add(struct sent_list *list, const char *name, struct sent_facts *facts,
                  struct fault *fault);

/* What a walk asks and tells. */
struct walk_events {
  void *context;
  /* 1 to list it, 0 not to, -1 to stop with an exception of its own (FAULT_NONE). */
  int (*keep)(void *context, const char *name, size_t length, uint32_t mode);
  /* 0, or -1 to stop likewise. */
  int (*refused)(void *context, const char *name, size_t length, const char *call, int saved_errno);
};

/* Lists the content of directories, about `count` names: 1 if all is listed, 0 if not, -1 with a fault. */
int sent_list_walk(struct sent_list *list, int64_t count, const struct walk_events *events,
                   struct fault *fault);

/* Adding is over. Takes the lists of ids in `end`. */
void sent_list_end(struct sent_list *list, const struct sent_end *end);
/* Writes what comes next; how much, or -1 with a fault. */
ssize_t sent_list_drain(struct sent_list *list, uint8_t *bytes, size_t count, struct fault *fault);

#endif
