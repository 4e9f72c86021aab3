/* The table of native:system, and its shortest calls. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "system.h"

/* linux/module.h: the kernel unpacks the file itself. */
#define MODULE_IS_COMPRESSED 4

static bool ends_in(const char *text, const char *end) {
  size_t length = strlen(text), end_length = strlen(end);
  return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* For kernels before 3.8, which have no finit_module. 0, or the errno. */
static int init_module_from_memory(int fd, const char *parameters) {
  struct stat stat;
  if (fstat(fd, &stat)) return errno;
  if (stat.st_size <= 0) return ENOEXEC;
  void *content = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (content == MAP_FAILED) return errno;
  int failure =
      syscall(SYS_init_module, content, (unsigned long)stat.st_size, parameters) ? errno : 0;
  munmap(content, (size_t)stat.st_size);
  return failure;
}

/* 0, or the errno. */
static int load_module(const char *file, const char *parameters) {
  bool packed = ends_in(file, ".xz") || ends_in(file, ".zst") || ends_in(file, ".gz");
  int fd = open(file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  int failure =
      syscall(SYS_finit_module, fd, parameters, packed ? MODULE_IS_COMPRESSED : 0) ? errno : 0;
  if (failure == ENOSYS) failure = init_module_from_memory(fd, parameters);
  close(fd);
  return failure;
}

static NATIVE(system_load_module) {
  char *file = bytes_from_js(context, arguments[0], NULL);
  char *parameters = file ? bytes_from_js(context, arguments[1], NULL) : NULL;
  JSValue result = JS_EXCEPTION;
  if (parameters) {
    int failure = load_module(file, parameters);
    result = failure ? throw_system_error(context, "init_module", file, failure) : JS_UNDEFINED;
  }
  js_free(context, file);
  js_free(context, parameters);
  return result;
}

static NATIVE(system_reboot) {
  const char *how = JS_ToCString(context, arguments[0]);
  if (!how) return JS_EXCEPTION;
  unsigned command = strcmp(how, "restart") == 0     ? RB_AUTOBOOT
                     : strcmp(how, "power-off") == 0 ? RB_POWER_OFF
                     : strcmp(how, "halt") == 0      ? RB_HALT_SYSTEM
                                                     : 0;
  if (!command) JS_ThrowTypeError(context, "reboot: there is no %s", how);
  JS_FreeCString(context, how);
  if (!command) return JS_EXCEPTION;
  reboot((int)command);
  int saved_errno = errno;
  return throw_system_error(context, "reboot", NULL, saved_errno);
}

static NATIVE(system_soft_ctrl_alt_del) {
  if (reboot(RB_DISABLE_CAD) == 0) return JS_UNDEFINED;
  int saved_errno = errno;
  return throw_system_error(context, "reboot", NULL, saved_errno);
}

static NATIVE(system_sync_all) {
  sync();
  return JS_UNDEFINED;
}

static NATIVE(system_set_wall_clock) {
  double seconds;
  if (JS_ToFloat64(context, &seconds, arguments[0])) return JS_EXCEPTION;
  if (!(seconds >= 0 && seconds < 1e12)) {
    return JS_ThrowRangeError(context, "setWallClock: no time");
  }
  struct timespec time = {.tv_sec = (time_t)floor(seconds)};
  if (clock_settime(CLOCK_REALTIME, &time) == 0) return JS_UNDEFINED;
  int saved_errno = errno;
  return throw_system_error(context, "clock_settime", NULL, saved_errno);
}

static NATIVE(system_set_umask) {
  int32_t mask;
  if (JS_ToInt32(context, &mask, arguments[0])) return JS_EXCEPTION;
  return JS_NewInt32(context, (int32_t)umask((mode_t)mask & 0777));
}

static NATIVE(system_kernel) {
  struct utsname names;
  if (uname(&names)) {
    int saved_errno = errno;
    return throw_system_error(context, "uname", NULL, saved_errno);
  }
  JSValue kernel = JS_NewObject(context);
  if (JS_IsException(kernel)) return kernel;
  if (set_property(context, kernel, "release",
                   bytes_to_js(context, names.release, strlen(names.release))) ||
      set_property(context, kernel, "machine",
                   bytes_to_js(context, names.machine, strlen(names.machine)))) {
    JS_FreeValue(context, kernel);
    return JS_EXCEPTION;
  }
  return kernel;
}

static NATIVE(system_process_id) { return JS_NewInt32(context, getpid()); }

static NATIVE(system_environment) {
  JSValue list = JS_NewArray(context);
  for (uint32_t i = 0; !JS_IsException(list) && environ[i]; i++) {
    JSValue variable = bytes_to_js(context, environ[i], strlen(environ[i]));
    if (!JS_IsException(variable) &&
        JS_DefinePropertyValueUint32(context, list, i, variable, JS_PROP_C_W_E) >= 0) {
      continue;
    }
    JS_FreeValue(context, list);
    list = JS_EXCEPTION;
  }
  return list;
}

static const JSCFunctionListEntry system_functions[] = {
    JS_CFUNC_DEF("mount", 5, system_mount),
    JS_CFUNC_DEF("unmount", 2, system_unmount),
    JS_CFUNC_DEF("pivotRoot", 2, system_pivot_root),
    JS_CFUNC_DEF("switchRoot", 2, system_switch_root),
    JS_CFUNC_DEF("loadModule", 2, system_load_module),
    JS_CFUNC_DEF("reboot", 1, system_reboot),
    JS_CFUNC_DEF("softCtrlAltDel", 0, system_soft_ctrl_alt_del),
    JS_CFUNC_DEF("syncAll", 0, system_sync_all),
    JS_CFUNC_DEF("setWallClock", 1, system_set_wall_clock),
    JS_CFUNC_DEF("setUmask", 1, system_set_umask),
    JS_CFUNC_DEF("kernel", 0, system_kernel),
    JS_CFUNC_DEF("processId", 0, system_process_id),
    JS_CFUNC_DEF("environment", 0, system_environment),
    JS_CFUNC_DEF("openDevice", 2, system_open_device),
    JS_CFUNC_DEF("useAsStandard", 1, system_use_as_standard),
    JS_CFUNC_DEF("setRawTerminal", 2, system_set_raw_terminal),
    JS_CFUNC_DEF("readKeys", 2, system_read_keys),
    JS_CFUNC_DEF("setWatchdog", 2, system_set_watchdog),
    JS_CFUNC_DEF("nextSignal", 0, system_next_signal),
};

MODULE(system, system_functions)
