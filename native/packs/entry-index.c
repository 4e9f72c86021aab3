/* Entries by number; see entry-index.h. */
#include "entry-index.h"

#include <inttypes.h>

static bool is_entry(const struct line_reader *reader) {
  return reader->length > 0 && reader->line[0] != '#';
}

int entry_index_begin(struct entry_index *index, int fd, struct fault *fault) {
  struct line_reader *reader = &index->reader;
  index->fd = fd;
  index->count = index->next = 0;
  line_reader_begin(reader, fd, 0);
  for (;;) {
    int64_t place = reader->place;
    int there = line_reader_next(reader, fault);
    if (there < 0) return -1;
    if (there == 0) break;
    if (!is_entry(reader)) continue;
    if (index->count == MANIFEST_ENTRIES_MAX || place > PACK_MANIFEST_SIZE_MAX) {
      return fault_token(fault, "a manifest has more than %d entries, or %d bytes",
                         MANIFEST_ENTRIES_MAX, PACK_MANIFEST_SIZE_MAX);
    }
    if (index->count % ENTRIES_TOGETHER == 0) {
      index->places[index->count / ENTRIES_TOGETHER] = (uint32_t)place;
    }
    index->count++;
  }
  line_reader_begin(reader, fd, 0);
  return 0;
}

/* Brings the reader to the entry or before it, but not far before. */
static void approach(struct entry_index *index, uint32_t number) {
  if (number >= index->next && number - index->next < ENTRIES_TOGETHER) return;
  uint32_t slot = number / ENTRIES_TOGETHER;
  line_reader_begin(&index->reader, index->fd, index->places[slot]);
  index->next = slot * ENTRIES_TOGETHER;
}

int entry_index_find(struct entry_index *index, uint32_t number, struct entry *entry,
                     const char *what, struct fault *fault) {
  if (number >= index->count) {
    return fault_token(fault, "entry %" PRIu32 " of the %s manifest, which has %" PRIu32, number,
                       what, index->count);
  }
  approach(index, number);
  while (index->next <= number) {
    int there = line_reader_next(&index->reader, fault);
    if (there < 0) return -1;
    if (there == 0) return fault_token(fault, "the %s manifest has changed meanwhile", what);
    if (is_entry(&index->reader)) index->next++;
  }
  const char *problem = entry_parse(entry, index->reader.line, index->reader.length);
  if (!problem && !S_ISREG(entry->format)) problem = "is no regular file";
  if (!problem) return 0;
  return fault_token(fault, "entry %" PRIu32 " of the %s manifest: %s", number, what, problem);
}
