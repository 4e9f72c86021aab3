/* Entries as bytes; see sent-wire.h for what each function promises. */
#include "sent-wire.h"

#include <string.h>

/* Flags of an entry: rsync.h XMIT_*. */
#define TOP_DIRECTORY 0x0001
#define SAME_MODE 0x0002
#define EXTENDED_FLAGS 0x0004
#define SAME_UID 0x0008
#define SAME_GID 0x0010
#define SAME_NAME 0x0020
#define LONG_NAME 0x0040
#define SAME_TIME 0x0080
#define SAME_MAJOR 0x0100
#define NO_CONTENT 0x0100
#define HARD_LINKED 0x0200
#define HARD_LINK_FIRST 0x1000
#define NANOSECONDS 0x2000
#define END_WITH_ERROR 0x1004

/* The name's part that another entry can share has its length in a byte. */
#define SHARED_MAX 255

struct output {
  uint8_t *at;
};

static void put_byte(struct output *output, unsigned byte) { *output->at++ = (uint8_t)byte; }

static void put_bytes(struct output *output, const void *bytes, size_t count) {
  memcpy(output->at, bytes, count);
  output->at += count;
}

/* rsync io.c write_varint and write_varlong: the low bytes, at least so many, led by the highest one. */
static void put_variable(struct output *output, uint64_t value, unsigned length_min,
                         unsigned length_max) {
  unsigned length = length_max;
  while (length > length_min && (value >> 8 * (length - 1) & 0xff) == 0) length--;
  unsigned extra = length - length_min;
  unsigned highest = (unsigned)(value >> 8 * (length - 1)) & 0xff;
  bool leads = highest < 1u << (7 - extra);
  unsigned ones = 0xff00u >> (extra + !leads) & 0xff;
  put_byte(output, leads ? ones | highest : ones);
  for (unsigned i = 0; i < length - leads; i++) put_byte(output, (unsigned)(value >> 8 * i) & 0xff);
}

static void put_varint(struct output *output, uint32_t value) { put_variable(output, value, 1, 4); }

static void put_varlong(struct output *output, uint64_t value, unsigned length_min) {
  put_variable(output, value, length_min, 8);
}

bool wire_is_abbreviated(const struct sent_wire *wire, const struct sent_entries *entries,
                         uint32_t number) {
  return wire->link < entries->link_count && entries->links[wire->link].entry == number;
}

/* Whether the entry has the fields of a device; those of a special file are empty. */
static bool has_device(const struct wire_options *options, const struct sent_entry *entry) {
  return (options->devices && sent_entry_is_device(entry)) ||
         (options->specials && sent_entry_is_special(entry) && options->protocol < 31);
}

/* What the entry says, and the entry before said. */
static unsigned flags_of(const struct sent_wire *wire, const struct wire_options *options,
                         const struct sent_entries *entries, const struct sent_entry *entry) {
  const struct sent_owner *owner = &entries->owners[entry->owner];
  bool has_previous = wire->name_length > 0;
  unsigned flags = 0;
  if (S_ISDIR(entry->mode)) {
    if (entry->is_top) flags |= TOP_DIRECTORY;
    if (entry->content == CONTENT_NONE) flags |= NO_CONTENT;
  }
  if (entry->mode == wire->mode) flags |= SAME_MODE;
  if (!options->owners || (has_previous && owner->uid == wire->uid)) flags |= SAME_UID;
  if (!options->groups || (has_previous && owner->gid == wire->gid)) flags |= SAME_GID;
  if (sent_entry_seconds(entry) == wire->seconds) flags |= SAME_TIME;
  if (entry->nanoseconds > 0 && options->protocol >= 31) flags |= NANOSECONDS;
  if (has_device(options, entry) &&
      (sent_entry_is_special(entry) || entry->size_high == wire->major)) {
    flags |= SAME_MAJOR;
  }
  return flags;
}

static void put_flags(struct output *output, const struct wire_options *options, unsigned flags,
                      bool is_directory) {
  if (options->varint_flags) {
    put_varint(output, flags ? flags : EXTENDED_FLAGS);
    return;
  }
  if (flags == 0 && !is_directory) flags = TOP_DIRECTORY;
  if (flags == 0 || flags > 0xff) {
    put_byte(output, (flags | EXTENDED_FLAGS) & 0xff);
    put_byte(output, flags >> 8);
  } else {
    put_byte(output, flags);
  }
}

static void put_owner(struct output *output, const struct wire_options *options,
                      const struct sent_owner *owner, unsigned flags) {
  if (options->owners && !(flags & SAME_UID)) put_varint(output, owner->uid);
  if (options->groups && !(flags & SAME_GID)) put_varint(output, owner->gid);
}

static void put_details(struct output *output, const struct wire_options *options,
                        const struct sent_entries *entries, const struct sent_entry *entry,
                        unsigned flags, const uint8_t *sum) {
  bool is_device = sent_entry_is_device(entry);
  put_varlong(output, is_device ? 0 : sent_entry_size(entry), 3);
  if (!(flags & SAME_TIME)) put_varlong(output, (uint64_t)sent_entry_seconds(entry), 4);
  if (flags & NANOSECONDS) put_varint(output, entry->nanoseconds);
  if (!(flags & SAME_MODE)) {
    put_byte(output, entry->mode & 0xff);
    put_byte(output, entry->mode >> 8);
    put_byte(output, 0);
    put_byte(output, 0);
  }
  put_owner(output, options, &entries->owners[entry->owner], flags);
  if (has_device(options, entry)) {
    if (!(flags & SAME_MAJOR)) put_varint(output, entry->size_high);
    put_varint(output, is_device ? entry->size_low : 0);
  }
  if (options->links && S_ISLNK(entry->mode)) {
    size_t length;
    const uint8_t *text = sent_entry_more(entries, entry, &length);
    put_varint(output, (uint32_t)length);
    put_bytes(output, text, length);
  }
  if (options->has_sums && S_ISREG(entry->mode)) {
    put_bytes(output, sum, hash_length(options->sum_kind));
  }
}

size_t wire_entry(struct sent_wire *wire, const struct wire_options *options,
                  const struct sent_entries *entries, uint32_t number, const uint8_t *sum,
                  uint8_t *bytes) {
  const struct sent_entry *entry = &entries->entries[number];
  const struct sent_owner *owner = &entries->owners[entry->owner];
  char name[SENT_NAME_MAX + 1];
  size_t length = sent_entry_name(entries, entry, name), shared = 0;
  while (shared < SHARED_MAX && shared < wire->name_length && shared < length &&
         name[shared] == wire->name[shared]) {
    shared++;
  }
  size_t rest = length - shared;
  bool is_abbreviated = wire_is_abbreviated(wire, entries, number);
  unsigned flags = flags_of(wire, options, entries, entry);
  if (shared > 0) flags |= SAME_NAME;
  if (rest > 255) flags |= LONG_NAME;
  if (entry->is_linked) flags |= HARD_LINKED | (is_abbreviated ? 0 : HARD_LINK_FIRST);
  struct output output = {bytes};
  put_flags(&output, options, flags, S_ISDIR(entry->mode));
  if (shared > 0) put_byte(&output, (unsigned)shared);
  if (rest > 255) put_varint(&output, (uint32_t)rest);
  else put_byte(&output, (unsigned)rest);
  put_bytes(&output, name + shared, rest);
  memcpy(wire->name, name, length);
  wire->name_length = length;
  wire->mode = entry->mode;
  wire->seconds = sent_entry_seconds(entry);
  if (options->owners) wire->uid = owner->uid;
  if (options->groups) wire->gid = owner->gid;
  if (has_device(options, entry) && sent_entry_is_device(entry)) wire->major = entry->size_high;
  if (is_abbreviated) put_varint(&output, (uint32_t)entries->links[wire->link++].inode);
  else put_details(&output, options, entries, entry, flags, sum);
  return (size_t)(output.at - bytes);
}

size_t wire_end(const struct wire_options *options, int32_t io_error, bool error_end,
                uint8_t *bytes) {
  struct output output = {bytes};
  if (options->varint_flags) {
    put_varint(&output, 0);
    put_varint(&output, (uint32_t)io_error);
  } else if (io_error && error_end) {
    put_byte(&output, END_WITH_ERROR & 0xff);
    put_byte(&output, END_WITH_ERROR >> 8);
    put_varint(&output, (uint32_t)io_error);
  } else {
    put_byte(&output, 0);
  }
  return (size_t)(output.at - bytes);
}

size_t wire_id(uint32_t id, const uint8_t *name, size_t length, uint8_t *bytes) {
  struct output output = {bytes};
  put_varint(&output, id);
  put_byte(&output, (unsigned)length);
  put_bytes(&output, name, length);
  return (size_t)(output.at - bytes);
}
