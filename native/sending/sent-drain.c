/* Writing the list out, with the sums of files where they are wanted; see sent-list.h for what the function promises. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../checksums/content.h"
#include "../files/paths.h"
#include "budget.h"
#include "sent-list.h"

/* Bytes of files that one call hashes, and that are read at once. */
#define WORK_MAX ((int64_t)1024 * 1024)
#define READ_SIZE ((size_t)64 * 1024)

/* A file for its sum; -1 if it can't be opened. */
static int open_entry(const struct sent_list *list, const struct sent_entry *entry) {
  char name[SENT_NAME_MAX + 1], path[PATH_SIZE_MAX];
  struct place place;
  sent_entry_name(&list->entries, entry, name);
  if (!sent_list_path(list, entry->place, name, path) ||
      place_open(list->places[entry->place].directory, path, &place)) {
    return -1;
  }
  int fd = open_regular(place.parent, place.name, O_RDONLY, 0);
  place_close(&place);
  return fd;
}

static void made_sum(struct sent_list *list, const struct sent_entry *entry) {
  size_t length = hash_length(list->options.sum_kind), more_length;
  const uint8_t *more = sent_entry_more(&list->entries, entry, &more_length);
  if (more_length == 4 + length) memcpy(list->sum.bytes, more + 4, length);
}

static int begin_sum(struct sent_list *list, const struct sent_entry *entry, struct fault *fault) {
  struct sent_sum *sum = &list->sum;
  if (!sum->hash) {
    sum->hash = aligned_alloc(64, (sizeof *sum->hash + 63) / 64 * 64);
    if (!sum->hash) {
      fault->kind = FAULT_MEMORY;
      return -1;
    }
    sum->piece = budget_take(&budget_clients, 1, READ_SIZE);
    if (!sum->piece) return fault_memory(fault, &budget_clients);
  }
  // Of what can't be read it is zeros (checksum.c file_checksum).
  memset(sum->bytes, 0, sizeof sum->bytes);
  sum->position = 0;
  if (entry->place == PLACE_MADE) made_sum(list, entry);
  else sum->fd = open_entry(list, entry);
  hash_begin(sum->hash, list->options.sum_kind);
  sum->is_made = sum->fd < 0;
  return 0;
}

/* Goes on with the sum of the entry that is next: 1 if it is there, 0 if not yet, -1 with a fault. */
static int make_sum(struct sent_list *list, const struct sent_entry *entry, int64_t *work,
                    struct fault *fault) {
  struct sent_sum *sum = &list->sum;
  if (sum->fd < 0 && !sum->is_made && begin_sum(list, entry, fault)) return -1;
  while (!sum->is_made) {
    if (*work <= 0) return 0;
    ssize_t count = content_read_at(sum->fd, sum->piece, READ_SIZE, sum->position);
    if (count > 0) {
      hash_update(sum->hash, sum->piece, (size_t)count);
      sum->position += count;
      *work -= count;
      continue;
    }
    if (count == 0) hash_finish(sum->hash, sum->bytes);
    close(sum->fd);
    sum->fd = -1;
    sum->is_made = true;
  }
  return 1;
}

/* Puts the next entry into the piece: 1, 0 if it takes longer, -1 with a fault. */
static int put_entry(struct sent_list *list, int64_t *work, struct fault *fault) {
  const struct sent_entry *entry = &list->entries.entries[list->written];
  bool has_sum = list->options.has_sums && S_ISREG(entry->mode) &&
                 !wire_is_abbreviated(&list->wire, &list->entries, list->written);
  if (has_sum) {
    int made = make_sum(list, entry, work, fault);
    if (made <= 0) return made;
  }
  list->piece_length = wire_entry(&list->wire, &list->options, &list->entries, list->written,
                                  list->sum.bytes, list->piece);
  list->sum.is_made = false;
  list->written++;
  return 1;
}

static bool id_is_listed(const struct sent_entries *entries, uint32_t id, bool of_groups) {
  for (uint32_t i = 0; i < entries->owner_count; i++) {
    const struct sent_owner *owner = &entries->owners[i];
    if ((of_groups ? owner->gid : owner->uid) == id) return true;
  }
  return false;
}

/* The next name of a list of ids, or its end; false if it is all written, or not sent. */
static bool put_id(struct sent_list *list, struct id_names *names, bool of_groups) {
  if (!names->are_sent) return false;
  const uint8_t *root = NULL;
  size_t root_length = 0;
  while (names->at < names->length) {
    const uint8_t *bytes = names->bytes + names->at;
    uint32_t id = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                  (uint32_t)bytes[3] << 24;
    names->at += 5 + (size_t)bytes[4];
    if (id == 0 || !id_is_listed(&list->entries, id, of_groups)) continue;
    list->piece_length = wire_id(id, bytes + 5, bytes[4], list->piece);
    return true;
  }
  for (size_t at = 0; at < names->length && !root; at += 5 + (size_t)names->bytes[at + 4]) {
    if (memcmp(names->bytes + at, "\0\0\0", 4) != 0) continue;
    root = names->bytes + at + 5;
    root_length = names->bytes[at + 4];
  }
  list->piece_length = wire_id(0, root ? root : (const uint8_t *)"", root_length, list->piece);
  if (!list->end.root_name) list->piece_length = 1;
  names->are_sent = false;
  return true;
}

/* Puts what comes next into the piece: 1, 0 if it takes longer, or there is no more, -1 with a fault. */
static int put_next(struct sent_list *list, int64_t *work, struct fault *fault) {
  if (list->written < list->entries.count) return put_entry(list, work, fault);
  if (!list->end_is_written) {
    list->end_is_written = true;
    list->piece_length =
        wire_end(&list->options, list->end.io_error, list->end.error_end, list->piece);
    return 1;
  }
  if (list->options.owners && put_id(list, &list->end.users, false)) return 1;
  if (list->options.groups && put_id(list, &list->end.groups, true)) return 1;
  if (sent_entries_sort(&list->entries, fault)) return -1;
  list->stage = SENT_DRAINED;
  return 0;
}

ssize_t sent_list_drain(struct sent_list *list, uint8_t *bytes, size_t count, struct fault *fault) {
  size_t written = 0;
  int64_t work = WORK_MAX;
  if (!list->piece) list->piece = budget_take(&budget_clients, 1, WIRE_ENTRY_MAX);
  if (!list->piece) {
    list->stage = SENT_FAILED;
    return fault_memory(fault, &budget_clients);
  }
  while (written < count && list->stage == SENT_DRAINING) {
    size_t length = list->piece_length - list->piece_at;
    if (length > count - written) length = count - written;
    memcpy(bytes + written, list->piece + list->piece_at, length);
    list->piece_at += length;
    written += length;
    if (list->piece_at < list->piece_length) continue;
    list->piece_at = list->piece_length = 0;
    int more = put_next(list, &work, fault);
    if (more < 0) {
      list->stage = SENT_FAILED;
      return -1;
    }
    if (more == 0) break;
  }
  return (ssize_t)written;
}
