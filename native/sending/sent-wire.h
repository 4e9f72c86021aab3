/*
 * The entries of a file list as bytes (rsync flist.c send_file_entry), for protocols 30 to 32: most say only in
 * what they differ from the one before. Knows nothing of JavaScript.
 */
#ifndef SENT_WIRE_H
#define SENT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../checksums/hash.h"
#include "sent-entries.h"

/* No entry is longer (bytes): a name, a link's text, a sum, and a dozen numbers. */
#define WIRE_ENTRY_MAX (2 * (SENT_NAME_MAX + 1) + HASH_LENGTH_MAX + 128)

struct wire_options {
  int protocol;
  bool varint_flags;
  bool links;
  bool owners;
  bool groups;
  bool devices;
  bool specials;
  bool hard_links;
  /* `-c`: with the sums of this kind. */
  bool has_sums;
  enum hash_kind sum_kind;
};

/* The entry before. */
struct sent_wire {
  char name[SENT_NAME_MAX + 1];
  size_t name_length;
  uint16_t mode;
  int64_t seconds;
  uint32_t uid;
  uint32_t gid;
  uint32_t major;
  /* The next of the later names of inodes. */
  uint32_t link;
};

/* Whether the entry says no more than what it is another name of. */
bool wire_is_abbreviated(const struct sent_wire *wire, const struct sent_entries *entries,
                         uint32_t number);

/* Writes an entry, with its sum if there are sums; how many bytes. In the order of the numbers. */
size_t wire_entry(struct sent_wire *wire, const struct wire_options *options,
                  const struct sent_entries *entries, uint32_t number, const uint8_t *sum,
                  uint8_t *bytes);

/* The end of the entries (write_end_of_flist); at most 8 bytes. */
size_t wire_end(const struct wire_options *options, int32_t io_error, bool error_end,
                uint8_t *bytes);

/* One name of an id (uidlist.c send_one_name); at most 261 bytes. */
size_t wire_id(uint32_t id, const uint8_t *name, size_t length, uint8_t *bytes);

#endif
