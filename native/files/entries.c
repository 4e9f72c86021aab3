/* JavaScript's values for what is in a file system; see entries.h. */
#include "entries.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

static const char *type_name(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR: return "dir";
    case S_IFLNK: return "link";
    case S_IFCHR: return "char";
    case S_IFBLK: return "block";
    case S_IFIFO: return "fifo";
    case S_IFSOCK: return "socket";
    default: return "file";
  }
}

JSValue stat_to_js(JSContext *context, const struct stat *status) {
  JSValue stat = JS_NewObject(context);
  JSValue modified = JS_NewObject(context);
  if (JS_IsException(stat) || JS_IsException(modified)) goto failed;
  bool device = S_ISCHR(status->st_mode) || S_ISBLK(status->st_mode);
  int64_t high = device ? major(status->st_rdev) : 0;
  int64_t low = device ? minor(status->st_rdev) : 0;
  int64_t occupied = (int64_t)status->st_blocks * 512;
  int64_t nanoseconds = status->st_mtim.tv_nsec;
  char identity[64];
  snprintf(identity, sizeof identity, "%" PRIu64 ":%" PRIu64, (uint64_t)status->st_dev,
           (uint64_t)status->st_ino);
  if (set_property(context, stat, "type", JS_NewString(context, type_name(status->st_mode))) ||
      set_property(context, stat, "mode", JS_NewInt32(context, status->st_mode & 07777)) ||
      set_property(context, stat, "uid", JS_NewInt64(context, status->st_uid)) ||
      set_property(context, stat, "gid", JS_NewInt64(context, status->st_gid)) ||
      set_property(context, stat, "size", JS_NewInt64(context, status->st_size)) ||
      set_property(context, stat, "occupied", JS_NewInt64(context, occupied)) ||
      set_property(context, stat, "links", JS_NewInt64(context, (int64_t)status->st_nlink)) ||
      set_property(context, modified, "seconds", JS_NewInt64(context, status->st_mtim.tv_sec)) ||
      set_property(context, modified, "nanoseconds", JS_NewInt64(context, nanoseconds)) ||
      set_property(context, stat, "modified", JS_DupValue(context, modified)) ||
      set_property(context, stat, "major", JS_NewInt64(context, high)) ||
      set_property(context, stat, "minor", JS_NewInt64(context, low)) ||
      set_property(context, stat, "identity", JS_NewString(context, identity))) {
    goto failed;
  }
  JS_FreeValue(context, modified);
  return stat;
failed:
  JS_FreeValue(context, modified);
  JS_FreeValue(context, stat);
  return JS_EXCEPTION;
}

static int compare_names(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

void sort_names(char **names, size_t count) {
  if (count > 1) qsort(names, count, sizeof *names, compare_names);
}

JSValue names_to_js(JSContext *context, char **names, size_t count) {
  JSValue array = JS_NewArray(context);
  if (JS_IsException(array)) return array;
  for (size_t i = 0; i < count; i++) {
    JSValue name = bytes_to_js(context, names[i], strlen(names[i]));
    if (JS_IsException(name) ||
        JS_DefinePropertyValueUint32(context, array, (uint32_t)i, name, JS_PROP_C_W_E) < 0) {
      JS_FreeValue(context, array);
      return JS_EXCEPTION;
    }
  }
  return array;
}

static JSValue xattr_to_js(JSContext *context, const char *attribute, const uint8_t *value,
                           size_t length) {
  JSValue xattr = JS_NewObject(context);
  if (JS_IsException(xattr)) return xattr;
  if (set_property(context, xattr, "name", bytes_to_js(context, attribute, strlen(attribute))) ||
      set_property(context, xattr, "value", buffer_new(context, value, length))) {
    JS_FreeValue(context, xattr);
    return JS_EXCEPTION;
  }
  return xattr;
}

/* Adds the attributes in the order of `sorted`; one that went away in between is left out. */
static int add_xattrs(JSContext *context, JSValueConst array, const char *name, const char *path,
                      char **sorted, size_t count) {
  uint32_t added = 0;
  for (size_t i = 0; i < count; i++) {
    const char *call;
    uint8_t *value;
    size_t length;
    if (xattr_get(name, sorted[i], &value, &length, &call)) {
      if (errno == ENODATA) continue;
      throw_system_error(context, call, path, errno);
      return -1;
    }
    JSValue xattr = xattr_to_js(context, sorted[i], value, length);
    free(value);
    if (JS_IsException(xattr)) return -1;
    if (JS_DefinePropertyValueUint32(context, array, added++, xattr, JS_PROP_C_W_E) < 0) return -1;
  }
  return 0;
}

JSValue xattrs_to_js(JSContext *context, const char *name, const char *path) {
  struct xattr_names names;
  const char *call;
  if (xattr_list(name, &names, &call)) return throw_system_error(context, call, path, errno);
  size_t count = 0;
  for (size_t at = 0; at < names.size; at += strlen(names.names + at) + 1) count++;
  JSValue array = JS_NewArray(context);
  char **sorted = js_malloc(context, (count + 1) * sizeof *sorted);
  bool failed = JS_IsException(array) || !sorted;
  if (!failed) {
    char *name_at = names.names;
    for (size_t i = 0; i < count; i++, name_at += strlen(name_at) + 1) sorted[i] = name_at;
    sort_names(sorted, count);
    failed = add_xattrs(context, array, name, path, sorted, count) != 0;
  }
  js_free(context, sorted);
  free(names.names);
  if (!failed) return array;
  JS_FreeValue(context, array);
  return JS_EXCEPTION;
}

static int xattr_from_js(JSContext *context, JSValueConst item, struct xattr *xattr) {
  JSValue name = JS_GetPropertyStr(context, item, "name");
  JSValue value = JS_GetPropertyStr(context, item, "value");
  uint8_t *bytes;
  size_t count = 0;
  int failed = -1;
  if (JS_IsException(name) || JS_IsException(value)) goto out;
  if (buffer_whole(context, value, &bytes, &count)) goto out;
  xattr->name = bytes_from_js(context, name, NULL);
  if (!xattr->name) goto out;
  uint8_t *copy = js_malloc(context, count + 1);
  xattr->value = copy;
  if (!copy) goto out;
  if (count) memcpy(copy, bytes, count);
  xattr->length = count;
  failed = 0;
out:
  JS_FreeValue(context, name);
  JS_FreeValue(context, value);
  return failed;
}

static int xattrs_from_js(JSContext *context, JSValueConst list, struct metadata *metadata) {
  int64_t count;
  if (get_int64_property(context, list, "length", &count)) return -1;
  if (count < 0 || count > XATTR_LIST_MAX_SIZE) {
    JS_ThrowRangeError(context, "%" PRId64 " extended attributes", count);
    return -1;
  }
  if (count == 0) return 0;
  struct xattr *xattrs = js_mallocz(context, (size_t)count * sizeof *xattrs);
  if (!xattrs) return -1;
  metadata->xattrs = xattrs;
  metadata->xattr_count = (size_t)count;
  for (uint32_t i = 0; i < (uint32_t)count; i++) {
    JSValue item = JS_GetPropertyUint32(context, list, i);
    int failed = JS_IsException(item) || xattr_from_js(context, item, &xattrs[i]);
    JS_FreeValue(context, item);
    if (failed) return -1;
  }
  return 0;
}

int metadata_from_js(JSContext *context, JSValueConst value, struct metadata *metadata) {
  *metadata = (struct metadata){0};
  int64_t mode, uid, gid, seconds, nanoseconds;
  if (get_int64_property(context, value, "mode", &mode) ||
      get_int64_property(context, value, "uid", &uid) ||
      get_int64_property(context, value, "gid", &gid)) {
    return -1;
  }
  JSValue modified = JS_GetPropertyStr(context, value, "modified");
  int failed = JS_IsException(modified) ||
               get_int64_property(context, modified, "seconds", &seconds) ||
               get_int64_property(context, modified, "nanoseconds", &nanoseconds);
  JS_FreeValue(context, modified);
  if (failed) return -1;
  /* 2^32 - 1 means "leave it" to chown. */
  if (mode < 0 || mode > 07777 || uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX ||
      nanoseconds < 0 || nanoseconds > 999999999) {
    JS_ThrowRangeError(context, "mode, owner or time is out of range");
    return -1;
  }
  metadata->mode = (mode_t)mode;
  metadata->uid = (uid_t)uid;
  metadata->gid = (gid_t)gid;
  metadata->modified = (struct timespec){.tv_sec = (time_t)seconds, .tv_nsec = (long)nanoseconds};
  JSValue list = JS_GetPropertyStr(context, value, "xattrs");
  failed = JS_IsException(list) || xattrs_from_js(context, list, metadata);
  JS_FreeValue(context, list);
  if (failed) metadata_release(context, metadata);
  return failed ? -1 : 0;
}

void metadata_release(JSContext *context, struct metadata *metadata) {
  for (size_t i = 0; i < metadata->xattr_count; i++) {
    js_free(context, (void *)metadata->xattrs[i].name);
    js_free(context, (void *)metadata->xattrs[i].value);
  }
  js_free(context, (void *)metadata->xattrs);
  *metadata = (struct metadata){0};
}

JSValue disk_times_to_js(JSContext *context, const struct disk_times *times) {
  JSValue object = JS_NewObject(context);
  if (JS_IsException(object)) return object;
  if (set_property(context, object, "granularityNanoseconds",
                   JS_NewInt64(context, times->granularity)) ||
      set_property(context, object, "earliestSeconds", JS_NewInt64(context, times->earliest)) ||
      set_property(context, object, "latestSeconds", JS_NewInt64(context, times->latest))) {
    JS_FreeValue(context, object);
    return JS_EXCEPTION;
  }
  return object;
}

int disk_times_from_js(JSContext *context, JSValueConst value, struct disk_times *times) {
  *times = (struct disk_times){0};
  if (JS_IsUndefined(value)) return 0;
  return get_int64_property(context, value, "granularityNanoseconds", &times->granularity) ||
                 get_int64_property(context, value, "earliestSeconds", &times->earliest) ||
                 get_int64_property(context, value, "latestSeconds", &times->latest)
             ? -1
             : 0;
}
