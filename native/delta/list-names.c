/* The file list in memory; see list-names.h for what each function promises. */
#include "list-names.h"

#include <string.h>

#include "budget.h"
#include "name-order.h"

/* Of all names together (bytes): 300,000 entries of 40 bytes, which no image has. */
#define ARENA_MAX ((uint32_t)12 * 1024 * 1024)

int list_names_open(struct list_names *names, struct fault *fault) {
  memset(names, 0, sizeof *names);
  names->arena_size = 16 * 1024;
  names->arena = budget_take(&budget_source, 1, names->arena_size);
  names->arena_length = 2;
  return names->arena ? 0 : fault_memory(fault, &budget_source);
}

void list_names_close(struct list_names *names) {
  budget_free(&budget_source, names->arena);
  budget_free(&budget_source, names->entries);
  budget_free(&budget_source, names->order);
  memset(names, 0, sizeof *names);
}

static size_t arena_string(const struct list_names *names, uint32_t at, const char **bytes) {
  *bytes = (const char *)names->arena + at + 2;
  return (size_t)names->arena[at] | (size_t)names->arena[at + 1] << 8;
}

/* Puts a string into the arena; its place, or -1 with a fault. */
static int64_t arena_add(struct list_names *names, const char *bytes, size_t length,
                         struct fault *fault) {
  uint32_t wanted = names->arena_length + 2 + (uint32_t)length;
  if (wanted > ARENA_MAX) {
    return fault_token(fault, "the names of the file list take more than %u bytes", ARENA_MAX);
  }
  if (wanted > names->arena_size) {
    uint32_t size = names->arena_size + names->arena_size / 8 + 8192;
    uint8_t *arena = budget_resize(&budget_source, names->arena, size);
    if (!arena) return fault_memory(fault, &budget_source);
    names->arena = arena;
    names->arena_size = size;
  }
  uint32_t at = names->arena_length;
  names->arena[at] = (uint8_t)length;
  names->arena[at + 1] = (uint8_t)(length >> 8);
  memcpy(names->arena + at + 2, bytes, length);
  names->arena_length = wanted;
  return at;
}

static int64_t directory_of(struct list_names *names, const char *bytes, size_t length,
                            struct fault *fault) {
  if (length == 0) return 0;
  const char *last;
  size_t last_length = arena_string(names, names->last_directory, &last);
  if (last_length == length && memcmp(last, bytes, length) == 0) return names->last_directory;
  int64_t at = arena_add(names, bytes, length, fault);
  if (at >= 0) names->last_directory = (uint32_t)at;
  return at;
}

static int grow_entries(struct list_names *names, struct fault *fault) {
  if (names->count < names->entries_size) return 0;
  uint32_t size = names->entries_size + names->entries_size / 8 + 256;
  struct list_entry *entries =
      budget_resize(&budget_source, names->entries, (size_t)size * sizeof *entries);
  if (!entries) return fault_memory(fault, &budget_source);
  names->entries = entries;
  names->entries_size = size;
  return 0;
}

int list_names_add(struct list_names *names, const char *name, size_t length, int64_t size,
                   int64_t seconds, uint32_t mode, struct fault *fault) {
  const char *slash = memrchr(name, '/', length);
  size_t directory_length = slash ? (size_t)(slash - name) : 0;
  size_t start = slash ? directory_length + 1 : 0;
  int64_t directory = directory_of(names, name, directory_length, fault);
  if (directory < 0) return -1;
  int64_t place = arena_add(names, name + start, length - start, fault);
  if (place < 0 || grow_entries(names, fault)) return -1;
  // 48 bits hold four million years both ways; a time beyond that, only ever shown, is shown as the limit.
  const int64_t seconds_limit = ((int64_t)1 << 47) - 1;
  if (seconds > seconds_limit) seconds = seconds_limit;
  if (seconds < -seconds_limit) seconds = -seconds_limit;
  names->entries[names->count++] = (struct list_entry){
      .directory = (uint32_t)directory,
      .name = (uint32_t)place,
      .size = size,
      .seconds_and_mode = (uint64_t)seconds << 16 | (mode & 0xffff),
  };
  return 0;
}

size_t list_names_text(const struct list_names *names, const struct list_entry *entry, char *text) {
  const char *directory, *name;
  size_t directory_length = arena_string(names, entry->directory, &directory);
  size_t name_length = arena_string(names, entry->name, &name);
  size_t length = 0;
  if (directory_length > 0) {
    memcpy(text, directory, directory_length);
    text[directory_length] = '/';
    length = directory_length + 1;
  }
  memcpy(text + length, name, name_length);
  text[length + name_length] = 0;
  return length + name_length;
}

static int compare_entries(const struct list_names *names, uint32_t one, uint32_t other) {
  const struct list_entry *a = &names->entries[one], *b = &names->entries[other];
  if (a->directory == b->directory) {
    const char *a_name, *b_name;
    size_t a_length = arena_string(names, a->name, &a_name),
           b_length = arena_string(names, b->name, &b_name);
    return name_order(a_name, a_length, list_entry_is_directory(a), b_name, b_length,
                      list_entry_is_directory(b));
  }
  /* A comparison is made some hundred thousand times: so these are not zeroed as all other variables are. */
  __attribute__((uninitialized)) char a_text[NAME_MAX_LENGTH + 1], b_text[NAME_MAX_LENGTH + 1];
  size_t a_length = list_names_text(names, a, a_text), b_length = list_names_text(names, b, b_text);
  return name_order(a_text, a_length, list_entry_is_directory(a), b_text, b_length,
                    list_entry_is_directory(b));
}

static int compare_places(const void *names, uint32_t one, uint32_t other) {
  return compare_entries(names, one, other);
}

static int sort_order(struct list_names *names, struct fault *fault) {
  size_t count = names->count;
  names->order = budget_take(&budget_source, count + 1, sizeof *names->order);
  if (!names->order) return fault_memory(fault, &budget_source);
  uint32_t *spare = budget_take(&budget_source, count + 1, sizeof *spare);
  if (!spare) return fault_memory(fault, &budget_source);
  place_order(names->order, spare, count, compare_places, names);
  budget_free(&budget_source, spare);
  return 0;
}

int64_t list_names_find_kind(const struct list_names *names, const char *name, size_t length,
                             bool directory) {
  size_t low = 0, high = names->count;
  char text[NAME_MAX_LENGTH + 1];
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const struct list_entry *entry = &names->entries[names->order[middle]];
    size_t text_length = list_names_text(names, entry, text);
    if (name_order(text, text_length, list_entry_is_directory(entry), name, length, directory) <
        0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == names->count) return -1;
  const struct list_entry *entry = &names->entries[names->order[low]];
  size_t text_length = list_names_text(names, entry, text);
  bool same = text_length == length && memcmp(text, name, length) == 0;
  return same && list_entry_is_directory(entry) == directory ? (int64_t)low : -1;
}

int64_t list_names_find(const struct list_names *names, const char *name, size_t length) {
  int64_t found = list_names_find_kind(names, name, length, true);
  return found >= 0 ? found : list_names_find_kind(names, name, length, false);
}

static void clear_duplicates(struct list_names *names) {
  const uint32_t *order = names->order;
  for (size_t i = 1; i < names->count; i++) {
    if (compare_entries(names, order[i - 1], order[i]) == 0) names->entries[order[i]].cleared = 1;
  }
  for (size_t i = 0; i < names->count; i++) {
    const struct list_entry *entry = &names->entries[order[i]];
    if (entry->cleared || !list_entry_is_directory(entry)) continue;
    char text[NAME_MAX_LENGTH + 1];
    size_t length = list_names_text(names, entry, text);
    int64_t other = list_names_find_kind(names, text, length, false);
    if (other >= 0) names->entries[order[other]].cleared = 1;
  }
}

/* Gives back the room left over from growing. */
static void trim(struct list_names *names) {
  uint8_t *arena = budget_resize(&budget_source, names->arena, names->arena_length);
  if (arena) names->arena = arena;
  if (names->count == 0) return;
  struct list_entry *entries =
      budget_resize(&budget_source, names->entries, names->count * sizeof *entries);
  if (entries) names->entries = entries;
}

int list_names_sort(struct list_names *names, struct fault *fault) {
  if (sort_order(names, fault)) return -1;
  clear_duplicates(names);
  trim(names);
  return 0;
}
