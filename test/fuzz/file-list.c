/*
 * The file list of a source (native/delta/file-list.c): whole and in pieces it is the same list or the
 * same fault, no name leads out of the tree, and each entry is found under its own name.
 */
#include "../../native/delta/file-list.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "budget.h"
#include "support/fuzz.h"

/* Feeds the list as the session does: what was not used comes again, with more after it. */
static bool feed(struct file_list *list, struct input input, size_t piece, struct fault *fault) {
  size_t used = 0, there = 0;
  while (!file_list_ended(list)) {
    if (there == input.count) return true;
    there = input.count - there < piece ? input.count : there + piece;
    uint8_t *window = exact_copy(input.bytes + used, there - used);
    ssize_t taken = file_list_feed(list, window, there - used, fault);
    free(window);
    if (taken < 0) return false;
    CHECK((size_t)taken <= there - used);
    used += (size_t)taken;
  }
  return true;
}

static void check_name(const char *name, size_t length) {
  CHECK(length > 0 && length <= NAME_MAX_LENGTH && strlen(name) == length && name[0] != '/');
  for (const char *at = name;;) {
    const char *end = strchr(at, '/');
    size_t component = end ? (size_t)(end - at) : strlen(at);
    CHECK(component > 0);
    CHECK(component != 2 || memcmp(at, "..", 2) != 0);
    if (!end) return;
    at = end + 1;
  }
}

static void check_entries(const struct file_list *list) {
  CHECK(!file_list_failed(list));
  struct listed entry, found;
  for (int64_t i = 0; i < file_list_count(list); i++) {
    if (!file_list_at(list, i, &entry)) continue;
    check_name(entry.name, entry.name_length);
    CHECK(file_list_find(list, entry.name, entry.name_length, &found));
    CHECK(found.index == i && found.size == entry.size && found.mode == entry.mode);
  }
  CHECK(!file_list_at(list, file_list_count(list), &entry) && !file_list_at(list, -1, &entry));
}

/* Where there is little memory the list is refused, and nothing else happens. */
static void feed_within(size_t limit, const struct file_list_options *options, struct input input) {
  struct fault fault = {0};
  size_t before = budget_source.limit;
  budget_source.limit = limit;
  struct file_list *list = file_list_open(options);
  if (list && feed(list, input, input.count, &fault)) {
    if (file_list_ended(list)) check_entries(list);
  }
  file_list_close(list);
  budget_source.limit = before;
  CHECK(budget_source.held == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  struct input input = {bytes, count};
  uint8_t choice = input_byte(&input);
  /* Single bytes, unless there are too many. */
  size_t piece = (size_t)input_byte(&input) + 1 + input.count / 64;
  struct file_list_options options = {.protocol = choice & 1 ? 30 : 31,
                                      .varint_flags = choice & 2,
                                      .relative = choice & 4,
                                      .entries_max = choice & 8 ? 3 : 100000};
  struct fault fault = {0}, fault_in_pieces = {0};
  struct file_list *list = file_list_open(&options), *in_pieces = file_list_open(&options);
  CHECK(list && in_pieces);
  bool fine = feed(list, input, input.count, &fault);
  CHECK(feed(in_pieces, input, piece, &fault_in_pieces) == fine);
  CHECK(strcmp(fault.message, fault_in_pieces.message) == 0);
  CHECK(file_list_ended(list) == file_list_ended(in_pieces));
  CHECK(file_list_count(list) == file_list_count(in_pieces));
  CHECK(file_list_names_length(list) == file_list_names_length(in_pieces));
  CHECK(file_list_count(list) <= options.entries_max);
  if (file_list_ended(list)) check_entries(list);
  file_list_close(list);
  file_list_close(in_pieces);
  CHECK(budget_source.held == 0);
  if (choice & 16) feed_within(20000 + input.count, &options, input);
  return 0;
}
