/*
 * The file list of one rsync session (flist.c), decoded and held compactly: about 24 bytes an entry,
 * a 4-byte place in the order, and the name without its directory. Knows nothing of JavaScript.
 */
#ifndef FILE_LIST_H
#define FILE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "fault.h"
#include "list-names.h"

/*
 * What decides which fields are on the wire. Links, owners, groups and devices are never asked for:
 * the manifest has them.
 */
struct file_list_options {
  int protocol;
  bool varint_flags;
  bool relative;
  int64_t entries_max;
};

struct listed {
  uint32_t index;
  int64_t size;
  int64_t modified_seconds;
  uint32_t mode;
  char name[NAME_MAX_LENGTH + 1];
  size_t name_length;
};

struct file_list;

struct file_list *file_list_open(const struct file_list_options *options);
void file_list_close(struct file_list *list);

/* Takes whole entries; the bytes used, or -1 with a fault (after which it can only be closed). */
ssize_t file_list_feed(struct file_list *list, const uint8_t *bytes, size_t count,
                       struct fault *fault);
bool file_list_ended(const struct file_list *list);
bool file_list_failed(const struct file_list *list);
uint32_t file_list_count(const struct file_list *list);
int64_t file_list_names_length(const struct file_list *list);
int file_list_io_error(const struct file_list *list);

/* After the end: false if there is nothing, or only a cleared duplicate. */
bool file_list_find(const struct file_list *list, const char *name, size_t length,
                    struct listed *found);
bool file_list_at(const struct file_list *list, int64_t index, struct listed *found);

#endif
