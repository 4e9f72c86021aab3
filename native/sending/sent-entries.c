/* The list to be sent in memory; see sent-entries.h for what each function promises. */
#include "sent-entries.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "../delta/name-order.h"
#include "budget.h"

/* Of all names together (bytes). */
#define ARENA_MAX ((uint32_t)6 * 1024 * 1024)
/* Pairs of a user and a group. */
#define OWNERS_MAX 4096
/* Times are held from 1697 to 2242; a file from beyond is shown as from the edge. */
#define SECONDS_MAX (((int64_t)1 << 33) - 1)
#define SIZE_MAX_HELD (((uint64_t)1 << 48) - 1)

int sent_entries_open(struct sent_entries *entries, uint32_t entries_max, struct fault *fault) {
  memset(entries, 0, sizeof *entries);
  entries->entries_max = entries_max;
  entries->arena_size = 4096;
  entries->arena = budget_take(&budget_clients, 1, entries->arena_size);
  // The empty name is at 0: a length of two bytes.
  entries->arena_length = 2;
  return entries->arena ? 0 : fault_memory(fault, &budget_clients);
}

void sent_entries_close(struct sent_entries *entries) {
  budget_free(&budget_clients, entries->arena);
  budget_free(&budget_clients, entries->entries);
  budget_free(&budget_clients, entries->owners);
  budget_free(&budget_clients, entries->links);
  budget_free(&budget_clients, entries->devices);
  budget_free(&budget_clients, entries->order);
  memset(entries, 0, sizeof *entries);
}

/* Makes room for one more of `size` bytes; what holds them now, or NULL with a fault. */
static void *grow(void *memory, uint32_t count, uint32_t *room, size_t size, struct fault *fault) {
  if (count < *room) return memory;
  uint32_t wanted = *room + *room / 8 + 64;
  void *grown = budget_resize(&budget_clients, memory, (size_t)wanted * size);
  if (grown) *room = wanted;
  else fault_memory(fault, &budget_clients);
  return grown;
}

/* Room for `length` bytes in the arena; NULL with a fault. */
static uint8_t *arena_take(struct sent_entries *entries, size_t length, struct fault *fault) {
  uint32_t wanted = entries->arena_length + (uint32_t)length;
  if (wanted > ARENA_MAX) {
    fault_token(fault, "the names of the list to be sent take more than %u bytes", ARENA_MAX);
    return NULL;
  }
  if (wanted > entries->arena_size) {
    uint32_t size = wanted + wanted / 8 + 4096;
    uint8_t *arena = budget_resize(&budget_clients, entries->arena, size);
    if (!arena) {
      fault_memory(fault, &budget_clients);
      return NULL;
    }
    entries->arena = arena;
    entries->arena_size = size;
  }
  uint8_t *taken = entries->arena + entries->arena_length;
  entries->arena_length = wanted;
  return taken;
}

static size_t directory_text(const struct sent_entries *entries, uint32_t at, const char **text) {
  *text = (const char *)entries->arena + at + 2;
  return (size_t)entries->arena[at] | (size_t)entries->arena[at + 1] << 8;
}

static int add_directory(struct sent_entries *entries, const char *name, size_t length,
                         struct fault *fault) {
  const char *last;
  size_t last_length = directory_text(entries, entries->last_directory, &last);
  if (last_length == length && memcmp(last, name, length) == 0) return 0;
  if (length == 0) {
    entries->last_directory = 0;
    return 0;
  }
  uint32_t at = entries->arena_length;
  uint8_t *bytes = arena_take(entries, 2 + length, fault);
  if (!bytes) return -1;
  bytes[0] = (uint8_t)length;
  bytes[1] = (uint8_t)(length >> 8);
  memcpy(bytes + 2, name, length);
  entries->last_directory = at;
  return 0;
}

static int64_t owner_of(struct sent_entries *entries, uint32_t uid, uint32_t gid,
                        struct fault *fault) {
  // Mostly the newest one, or one of few.
  for (uint32_t i = entries->owner_count; i-- > 0;) {
    if (entries->owners[i].uid == uid && entries->owners[i].gid == gid) return i;
  }
  if (entries->owner_count == OWNERS_MAX) {
    return fault_token(fault, "the list to be sent has more than %d owners", OWNERS_MAX);
  }
  struct sent_owner *owners =
      grow(entries->owners, entries->owner_count, &entries->owners_size, sizeof *owners, fault);
  if (!owners) return -1;
  entries->owners = owners;
  owners[entries->owner_count] = (struct sent_owner){uid, gid};
  return entries->owner_count++;
}

static int64_t device_of(struct sent_entries *entries, uint64_t device, struct fault *fault) {
  for (uint32_t i = entries->device_count; i-- > 0;) {
    if (entries->devices[i] == device) return i;
  }
  uint64_t *devices =
      grow(entries->devices, entries->device_count, &entries->devices_size, sizeof *devices, fault);
  if (!devices) return -1;
  entries->devices = devices;
  devices[entries->device_count] = device;
  return entries->device_count++;
}

static int add_link(struct sent_entries *entries, const struct stat *status, struct fault *fault) {
  int64_t device = device_of(entries, status->st_dev, fault);
  if (device < 0) return -1;
  struct sent_link *links =
      grow(entries->links, entries->link_count, &entries->links_size, sizeof *links, fault);
  if (!links) return -1;
  entries->links = links;
  links[entries->link_count++] =
      (struct sent_link){status->st_ino, (uint32_t)device, entries->count};
  return 0;
}

/* Puts name and more into the arena; where, or -1 with a fault. */
static int64_t add_name(struct sent_entries *entries, const char *name, size_t length,
                        const struct sent_facts *facts, struct fault *fault) {
  bool has_more = facts->more_length > 0;
  uint32_t at = entries->arena_length;
  uint8_t *bytes = arena_take(entries, 1 + length + (has_more ? 2 + facts->more_length : 0), fault);
  if (!bytes) return -1;
  bytes[0] = (uint8_t)length;
  memcpy(bytes + 1, name, length);
  if (has_more) {
    bytes[1 + length] = (uint8_t)facts->more_length;
    bytes[2 + length] = (uint8_t)(facts->more_length >> 8);
    memcpy(bytes + 3 + length, facts->more, facts->more_length);
  }
  return at;
}

int sent_entries_add(struct sent_entries *entries, const char *name, size_t length,
                     const struct sent_facts *facts, bool keeps_links, struct fault *fault) {
  const struct stat *status = &facts->status;
  const char *slash = memrchr(name, '/', length);
  size_t start = slash ? (size_t)(slash - name) + 1 : 0;
  if (entries->count >= entries->entries_max) {
    return fault_token(fault, "the list to be sent has more than %u entries", entries->entries_max);
  }
  if (length == 0 || length > SENT_NAME_MAX || length - start > 255 || length == start) {
    return fault_token(fault, "a name of %zu bytes, allowed: 1 to %d", length, SENT_NAME_MAX);
  }
  if (add_directory(entries, name, start > 0 ? start - 1 : 0, fault)) return -1;
  int64_t place = add_name(entries, name + start, length - start, facts, fault);
  int64_t owner = place < 0 ? -1 : owner_of(entries, status->st_uid, status->st_gid, fault);
  struct sent_entry *grown = owner < 0 ? NULL
                                       : grow(entries->entries, entries->count,
                                              &entries->entries_size, sizeof *grown, fault);
  if (!grown) return -1;
  entries->entries = grown;
  bool is_linked = keeps_links && status->st_nlink > 1 && !S_ISDIR(status->st_mode);
  if (is_linked && add_link(entries, status, fault)) return -1;
  int64_t seconds = status->st_mtim.tv_sec;
  if (seconds > SECONDS_MAX) seconds = SECONDS_MAX;
  if (seconds < -SECONDS_MAX) seconds = -SECONDS_MAX;
  bool is_device = S_ISCHR(status->st_mode) || S_ISBLK(status->st_mode);
  uint64_t size = is_device
                      ? (uint64_t)(major(status->st_rdev) & 0xffff) << 32 | minor(status->st_rdev)
                      : (uint64_t)status->st_size;
  if (S_ISFIFO(status->st_mode) || S_ISSOCK(status->st_mode)) size = 0;
  if (size > SIZE_MAX_HELD) size = SIZE_MAX_HELD;
  entries->entries[entries->count++] = (struct sent_entry){
      .directory = entries->last_directory,
      .name = (uint32_t)place,
      .size_low = (uint32_t)size,
      .size_high = (uint16_t)(size >> 32),
      .mode = (uint16_t)status->st_mode,
      .seconds_low = (uint32_t)(uint64_t)seconds,
      .seconds_high = (uint64_t)seconds >> 32 & 3,
      .nanoseconds = (uint32_t)status->st_mtim.tv_nsec & 0x3fffffff,
      .owner = (uint16_t)owner,
      .place = facts->place & 0xfff,
      .content = (unsigned)facts->content & 3,
      .is_top = facts->is_top,
      .is_linked = is_linked,
  };
  return 0;
}

size_t sent_entry_name(const struct sent_entries *entries, const struct sent_entry *entry,
                       char *text) {
  const char *directory;
  size_t length = directory_text(entries, entry->directory, &directory);
  memcpy(text, directory, length);
  if (length > 0) text[length++] = '/';
  size_t name_length = entries->arena[entry->name];
  memcpy(text + length, entries->arena + entry->name + 1, name_length);
  text[length + name_length] = 0;
  return length + name_length;
}

const uint8_t *sent_entry_more(const struct sent_entries *entries, const struct sent_entry *entry,
                               size_t *length) {
  const uint8_t *bytes = entries->arena + entry->name;
  bytes += 1 + bytes[0];
  *length = (size_t)bytes[0] | (size_t)bytes[1] << 8;
  return bytes + 2;
}

static int compare_links(const void *a, const void *b) {
  const struct sent_link *one = a, *other = b;
  if (one->device != other->device) return one->device < other->device ? -1 : 1;
  if (one->inode != other->inode) return one->inode < other->inode ? -1 : 1;
  return one->entry < other->entry ? -1 : one->entry > other->entry;
}

static int compare_numbers(const void *a, const void *b) {
  const struct sent_link *one = a, *other = b;
  return one->entry < other->entry ? -1 : one->entry > other->entry;
}

void sent_entries_group(struct sent_entries *entries) {
  struct sent_link *links = entries->links;
  if (entries->link_count == 0) return;
  qsort(links, entries->link_count, sizeof *links, compare_links);
  uint32_t kept = 0;
  struct sent_link first = links[0];
  for (uint32_t i = 1; i < entries->link_count; i++) {
    if (links[i].device == first.device && links[i].inode == first.inode) {
      // From here on `inode` is the first one's number.
      links[kept++] = (struct sent_link){first.entry, 0, links[i].entry};
    } else {
      first = links[i];
    }
  }
  entries->link_count = kept;
  if (kept > 1) qsort(links, kept, sizeof *links, compare_numbers);
}

static int compare_entries(const void *context, uint32_t one, uint32_t other) {
  const struct sent_entries *entries = context;
  const struct sent_entry *a = &entries->entries[one], *b = &entries->entries[other];
  bool a_is_directory = S_ISDIR(a->mode), b_is_directory = S_ISDIR(b->mode);
  if (a->directory == b->directory) {
    const uint8_t *a_name = entries->arena + a->name, *b_name = entries->arena + b->name;
    return name_order((const char *)a_name + 1, a_name[0], a_is_directory, (const char *)b_name + 1,
                      b_name[0], b_is_directory);
  }
  /* A comparison is made some hundred thousand times: so these are not zeroed as all other variables are. */
  __attribute__((uninitialized)) char a_text[SENT_NAME_MAX + 1], b_text[SENT_NAME_MAX + 1];
  size_t a_length = sent_entry_name(entries, a, a_text);
  size_t b_length = sent_entry_name(entries, b, b_text);
  return name_order(a_text, a_length, a_is_directory, b_text, b_length, b_is_directory);
}

static void *trimmed(void *memory, size_t size) {
  void *less = memory && size > 0 ? budget_resize(&budget_clients, memory, size) : NULL;
  return less ? less : memory;
}

int sent_entries_sort(struct sent_entries *entries, struct fault *fault) {
  budget_free(&budget_clients, entries->links);
  budget_free(&budget_clients, entries->devices);
  entries->links = NULL;
  entries->devices = NULL;
  size_t count = entries->count;
  entries->arena = trimmed(entries->arena, entries->arena_length);
  entries->entries = trimmed(entries->entries, count * sizeof *entries->entries);
  uint32_t *spare = budget_take(&budget_clients, count + 1, sizeof *spare);
  entries->order = budget_take(&budget_clients, count + 1, sizeof *entries->order);
  if (spare && entries->order) {
    place_order(entries->order, spare, count, compare_entries, entries);
    budget_free(&budget_clients, spare);
    return 0;
  }
  budget_free(&budget_clients, spare);
  return fault_memory(fault, &budget_clients);
}
