/* What kind of disk a name is on; see disk.h. */
#include "disk.h"

#include <errno.h>

#include "disk-times.h"
#include "entries.h"
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
