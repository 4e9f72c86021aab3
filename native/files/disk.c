/* What kind of disk a name is on; see disk.h. */
#include "disk.h"

#include <errno.h>
#include <sys/mount.h>

#include "disk-times.h"
#include "entries.h"
#include "metadata.h"
#include "paths.h"
#include "values.h"

NATIVE(disk_times) {
  int32_t directory;
  if (JS_ToInt32(context, &directory, arguments[0])) return JS_EXCEPTION;
  struct disk_times times;
  const char *call;
  if (disk_times_find(directory, &times, &call)) {
    return throw_system_error(context, call, ".", errno);
  }
  return disk_times_to_js(context, &times);
}

NATIVE(disk_is_mount) {
  int32_t directory;
  if (JS_ToInt32(context, &directory, arguments[0])) return JS_EXCEPTION;
  char *path = bytes_from_js(context, arguments[1], NULL);
  if (!path) return JS_EXCEPTION;
  int found = is_mount(directory, path);
  if (found < 0) throw_system_error(context, "open", path, errno);
  js_free(context, path);
  return found < 0 ? JS_EXCEPTION : JS_NewBool(context, found);
}

/* 0, or -1 with errno. No path leads there for sure but that of the working directory. */
static int detach(int directory, const char *path) {
  struct place place;
  if (place_open(directory, path, &place)) return -1;
  int way_back = directory_enter(place.parent);
  int result = way_back < 0 ? -1 : umount2(place.name, MNT_DETACH | UMOUNT_NOFOLLOW);
  place_close(&place);
  if (way_back >= 0 && directory_leave(way_back)) return -1;
  return result;
}

NATIVE(disk_detach_mount) {
  int32_t directory;
  if (JS_ToInt32(context, &directory, arguments[0])) return JS_EXCEPTION;
  char *path = bytes_from_js(context, arguments[1], NULL);
  if (!path) return JS_EXCEPTION;
  int failed = detach(directory, path);
  if (failed) throw_system_error(context, "umount", path, errno);
  js_free(context, path);
  return failed ? JS_EXCEPTION : JS_UNDEFINED;
}
