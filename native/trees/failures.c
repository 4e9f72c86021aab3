/* What verify says of an entry; see failures.h. Runs only if something is wrong. */
#include "failures.h"

#include "job-options.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

int failure_add(JSContext *context, JSValueConst failures, const struct entry *entry,
                struct failure failure) {
  JSValue object = JS_NewObject(context);
  if (JS_IsException(object)) return -1;
  const char *found = failure.found, *expected = failure.expected;
  size_t length = entry->path_length;
  if (set_property(context, object, "path", bytes_to_js(context, entry->path, length)) ||
      set_property(context, object, "what", JS_NewString(context, failure.what)) ||
      set_property(context, object, "found", bytes_to_js(context, found, strlen(found))) ||
      set_property(context, object, "expected", bytes_to_js(context, expected, strlen(expected)))) {
    JS_FreeValue(context, object);
    return -1;
  }
  return append(context, failures, object);
}

#define NUMBER_SIZE 64

struct report {
  JSContext *context;
  JSValueConst failures;
  const struct entry *entry;
};

/* Both sides as numbers, by one format that takes two of them. */
__attribute__((format(printf, 3, 0))) static int add_numbers(const struct report *report,
                                                             const char *what, const char *format,
                                                             const int64_t found[2],
                                                             const int64_t expected[2]) {
  char texts[2][NUMBER_SIZE];
  snprintf(texts[0], NUMBER_SIZE, format, found[0], found[1]);
  snprintf(texts[1], NUMBER_SIZE, format, expected[0], expected[1]);
  return failure_add(report->context, report->failures, report->entry,
                     (struct failure){what, texts[0], texts[1]});
}

static int add_stat_differences(const struct report *report, const struct stat *status,
                                int differences) {
  const struct entry *entry = report->entry;
  const struct {
    enum difference bit;
    const char *what;
    int64_t found, expected;
  } numbers[] = {
      {DIFFERS_UID, "uid", status->st_uid, entry->uid},
      {DIFFERS_GID, "gid", status->st_gid, entry->gid},
      {DIFFERS_SIZE, "size", status->st_size, entry->size},
  };
  char texts[2][NUMBER_SIZE];
  struct failure failure = {"mode", texts[0], texts[1]};
  if (differences & DIFFERS_MODE) {
    snprintf(texts[0], NUMBER_SIZE, "%04o", (unsigned)status->st_mode & 07777);
    snprintf(texts[1], NUMBER_SIZE, "%04o", (unsigned)entry->mode);
    if (failure_add(report->context, report->failures, entry, failure)) return -1;
  }
  for (size_t i = 0; i < COUNT_OF(numbers); i++) {
    if (!(differences & numbers[i].bit)) continue;
    snprintf(texts[0], NUMBER_SIZE, "%" PRId64, numbers[i].found);
    snprintf(texts[1], NUMBER_SIZE, "%" PRId64, numbers[i].expected);
    failure.what = numbers[i].what;
    if (failure_add(report->context, report->failures, entry, failure)) return -1;
  }
  const int64_t times[2][2] = {{status->st_mtim.tv_sec, status->st_mtim.tv_nsec},
                               {entry->modified.tv_sec, entry->modified.tv_nsec}};
  if ((differences & DIFFERS_TIME) &&
      add_numbers(report, "time", "%" PRId64 ".%09" PRId64, times[0], times[1])) {
    return -1;
  }
  const int64_t devices[2][2] = {{major(status->st_rdev), minor(status->st_rdev)},
                                 {entry->major, entry->minor}};
  if (!(differences & DIFFERS_DEVICE)) return 0;
  return add_numbers(report, "device", "native,%" PRId64 ",%" PRId64, devices[0], devices[1]);
}

/* Of what an entry's attributes are said to be: enough to tell one from the other (bytes). */
#define ATTRIBUTES_SHOWN_MAX 1024

/* A text that grows. `bytes` is NULL after a failure. */
struct text {
  char *bytes;
  size_t length;
};

static void text_add(struct text *text, const char *bytes, size_t count) {
  if (!text->bytes) return;
  char *larger = realloc(text->bytes, text->length + count + 1);
  if (!larger) {
    free(text->bytes);
    text->bytes = NULL;
    return;
  }
  memcpy(larger + text->length, bytes, count);
  text->length += count;
  larger[text->length] = 0;
  text->bytes = larger;
}

static void text_add_xattr(struct text *text, const char *name, const uint8_t *value,
                           size_t length) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text->length) text_add(text, ",", 1);
  text_add(text, name, strlen(name));
  text_add(text, ":", 1);
  for (size_t i = 0; i < length; i += 3) {
    size_t left = length - i;
    uint32_t bits = (uint32_t)value[i] << 16 | (left > 1 ? (uint32_t)value[i + 1] << 8 : 0) |
                    (left > 2 ? value[i + 2] : 0);
    char quad[4] = {digits[bits >> 18], digits[bits >> 12 & 63],
                    left > 1 ? digits[bits >> 6 & 63] : '=', left > 2 ? digits[bits & 63] : '='};
    text_add(text, quad, sizeof quad);
  }
}

static int compare_names(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All attributes of a name of the working directory. -1 with errno. */
static int text_add_found(struct text *text, const char *name, const char **call) {
  struct xattr_names names;
  if (xattr_list(name, &names, call)) return -1;
  const char *sorted[XATTR_LIST_MAX_SIZE / 64];
  size_t count = 0;
  for (size_t at = 0; at < names.size && count < COUNT_OF(sorted); count++) {
    sorted[count] = names.names + at;
    at += strlen(names.names + at) + 1;
  }
  qsort(sorted, count, sizeof *sorted, compare_names);
  int result = 0;
  for (size_t i = 0; i < count && result == 0; i++) {
    uint8_t *value;
    size_t length;
    if (xattr_get(name, sorted[i], &value, &length, call)) {
      result = errno == ENODATA ? 0 : -1;
      continue;
    }
    text_add_xattr(text, sorted[i], value, length);
    free(value);
  }
  int saved_errno = errno;
  free(names.names);
  errno = saved_errno;
  return result;
}

static void text_cut(struct text *text) {
  if (text->length <= ATTRIBUTES_SHOWN_MAX) return;
  text->length = ATTRIBUTES_SHOWN_MAX;
  text_add(text, "...", 3);
}

static int add_xattrs(const struct report *report) {
  const struct entry *entry = report->entry;
  struct text found = {calloc(1, 1), 0}, expected = {calloc(1, 1), 0};
  const char *call;
  int result = text_add_found(&found, entry_name(entry), &call);
  if (result) throw_entry_error(report->context, call, entry, errno);
  for (size_t i = 0; i < entry->xattr_count; i++) {
    const struct xattr *xattr = &entry->xattrs[i];
    text_add_xattr(&expected, xattr->name, xattr->value, xattr->length);
  }
  text_cut(&found);
  text_cut(&expected);
  if (result == 0 && (!found.bytes || !expected.bytes)) {
    JS_ThrowOutOfMemory(report->context);
    result = -1;
  }
  if (result == 0) {
    result = failure_add(report->context, report->failures, entry,
                         (struct failure){"xattr", found.bytes, expected.bytes});
  }
  free(found.bytes);
  free(expected.bytes);
  return result;
}

int failures_add_differences(JSContext *context, JSValueConst failures, const struct entry *entry,
                             struct tree *tree, const struct stat *status, int differences) {
  const struct report report = {context, failures, entry};
  if (differences & DIFFERS_TYPE) {
    const char *found = format_name(status->st_mode & S_IFMT);
    return failure_add(context, failures, entry,
                       (struct failure){"type", found, format_name(entry->format)});
  }
  if (add_stat_differences(&report, status, differences)) return -1;
  if (differences & DIFFERS_LINK) {
    char text[PATH_SIZE_MAX];
    ssize_t length = readlinkat(tree->parent, entry_name(entry), text, sizeof text - 1);
    if (length < 0) {
      throw_entry_error(context, "readlink", entry, errno);
      return -1;
    }
    text[length] = 0;
    struct failure failure = {"link", text, entry->link};
    if (failure_add(context, failures, entry, failure)) return -1;
  }
  return differences & DIFFERS_XATTR ? add_xattrs(&report) : 0;
}

int failure_add_digest(JSContext *context, JSValueConst failures, const struct entry *entry,
                       const uint8_t *found) {
  char texts[2][DIGEST_SIZE * 2 + 1] = {"", ""};
  for (size_t i = 0; i < DIGEST_SIZE; i++) {
    if (found) snprintf(texts[0] + 2 * i, 3, "%02x", found[i]);
    snprintf(texts[1] + 2 * i, 3, "%02x", entry->digest[i]);
  }
  struct failure failure = {"sha256digest", texts[0], texts[1]};
  return failure_add(context, failures, entry, failure);
}
