/*
 * native:files, the table: each function takes its arguments apart, resolves its paths by paths.c, makes
 * one system call and throws what failed. What an entry consists of is in the other files of this folder.
 * Only openRoot and openFile follow symlinks.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "copy.h"
#include "disk.h"
#include "entries.h"
#include "handles.h"
#include "metadata.h"
#include "module.h"
#include "paths.h"
#include "removal.h"
#include "stubborn.h"

#define RENAME_EXCHANGE_FLAG 2

/* A (directory, path) pair of the arguments, resolved. */
struct argument {
  char *path;
  struct place place;
};

static JSValue failure(JSContext *context, const char *call, const char *path) {
  return throw_system_error(context, call, path, errno);
}

/* 0, or -1 with an exception; then there is nothing to release. */
static int argument_open(JSContext *context, JSValueConst *arguments, struct argument *argument) {
  int32_t directory;
  if (JS_ToInt32(context, &directory, arguments[0])) return -1;
  argument->path = bytes_from_js(context, arguments[1], NULL);
  if (!argument->path) return -1;
  if (place_open(directory, argument->path, &argument->place) == 0) return 0;
  failure(context, "open", argument->path);
  js_free(context, argument->path);
  return -1;
}

static void argument_close(JSContext *context, struct argument *argument) {
  place_close(&argument->place);
  js_free(context, argument->path);
}

/* Ends a function that has one path: undefined, or the exception of `call`. */
static JSValue finish(JSContext *context, struct argument *argument, int result, const char *call) {
  JSValue value = result < 0 ? failure(context, call, argument->path) : JS_UNDEFINED;
  argument_close(context, argument);
  return value;
}

static JSValue finish_fd(JSContext *context, struct argument *argument, int fd) {
  JSValue value = finish(context, argument, fd, "open");
  return JS_IsException(value) ? value : JS_NewInt32(context, fd);
}

/* openRoot (magic: 1) and openFile, the only ones that follow links. */
static NATIVE_WITH(files_open_system, wants_directory) {
  int directory_flag = wants_directory ? O_DIRECTORY : 0;
  char *path = bytes_from_js(context, arguments[0], NULL);
  if (!path) return JS_EXCEPTION;
  struct stat status;
  int fd = -1;
  if (directory_flag || stat(path, &status) == 0) {
    if (directory_flag || S_ISREG(status.st_mode) || S_ISFIFO(status.st_mode)) {
      do fd = open(path, O_RDONLY | O_CLOEXEC | directory_flag);
      while (fd < 0 && errno == EINTR);
      /* A confined process may look at what it can't list. */
      if (fd < 0 && errno == EACCES && directory_flag) {
        fd = open(path, O_PATH | O_CLOEXEC | directory_flag);
      }
    } else {
      errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    }
  }
  JSValue value = fd < 0 ? failure(context, "open", path) : JS_NewInt32(context, fd);
  js_free(context, path);
  return value;
}

static NATIVE(files_open_directory) {
  struct argument at;
  if (argument_open(context, arguments, &at)) return JS_EXCEPTION;
  int fd = open_below(at.place.parent, at.place.name, O_RDONLY | O_DIRECTORY, 0);
  return finish_fd(context, &at, fd);
}

static NATIVE(files_open_read) {
  struct argument at;
  if (argument_open(context, arguments, &at)) return JS_EXCEPTION;
  return finish_fd(context, &at, open_regular(at.place.parent, at.place.name, O_RDONLY, 0));
}

/* createFile (magic: O_EXCL) and openAppend (magic: O_APPEND). */
static NATIVE_WITH(files_open_write, flag) {
  struct argument at;
  int32_t mode;
  if (JS_ToInt32(context, &mode, arguments[2]) || argument_open(context, arguments, &at)) {
    return JS_EXCEPTION;
  }
  int (*open_name)(int, const char *, int, mode_t) = flag == O_EXCL ? open_below : open_regular;
  int flags = O_RDWR | O_CREAT | flag;
  int fd = open_name(at.place.parent, at.place.name, flags, (mode_t)mode & 07777);
  return finish_fd(context, &at, fd);
}

static bool is_absence(void) { return errno == ENOENT || errno == ENOTDIR; }

static NATIVE(files_stat) {
  struct argument at;
  int32_t directory;
  if (JS_ToInt32(context, &directory, arguments[0])) return JS_EXCEPTION;
  at.path = bytes_from_js(context, arguments[1], NULL);
  if (!at.path) return JS_EXCEPTION;
  struct stat status;
  JSValue value;
  int result = place_open(directory, at.path, &at.place);
  if (result == 0) {
    result = fstatat(at.place.parent, at.place.name, &status, AT_SYMLINK_NOFOLLOW);
    place_close(&at.place);
  }
  if (result == 0) value = stat_to_js(context, &status);
  else value = is_absence() ? JS_UNDEFINED : failure(context, "stat", at.path);
  js_free(context, at.path);
  return value;
}

struct name_list {
  char **names;
  size_t count;
  size_t capacity;
};

static void name_list_release(struct name_list *list) {
  for (size_t i = 0; i < list->count; i++) free(list->names[i]);
  free(list->names);
}

/* Takes the descriptor. */
static int read_names(int fd, struct name_list *list) {
  DIR *stream = fdopendir(fd);
  if (!stream) {
    int saved_errno = errno;
    close(fd);
    errno = saved_errno;
    return -1;
  }
  struct dirent *entry;
  while ((errno = 0, entry = readdir(stream))) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (list->count == list->capacity) {
      size_t capacity = list->capacity ? list->capacity * 2 : 64;
      char **names = realloc(list->names, capacity * sizeof *names);
      if (!names) break;
      list->names = names;
      list->capacity = capacity;
    }
    if (!(list->names[list->count] = strdup(entry->d_name))) break;
    list->count++;
  }
  int saved_errno = errno;
  closedir(stream);
  errno = saved_errno;
  return errno ? -1 : 0;
}

static NATIVE(files_read_directory) {
  struct argument at;
  if (argument_open(context, arguments, &at)) return JS_EXCEPTION;
  int fd = open_below(at.place.parent, at.place.name, O_RDONLY | O_DIRECTORY, 0);
  if (fd < 0) return finish(context, &at, fd, "open");
  struct name_list list = {0};
  JSValue value = finish(context, &at, read_names(fd, &list), "readdir");
  if (!JS_IsException(value)) {
    sort_names(list.names, list.count);
    value = names_to_js(context, list.names, list.count);
  }
  name_list_release(&list);
  return value;
}

static NATIVE(files_read_link) {
  struct argument at;
  if (argument_open(context, arguments, &at)) return JS_EXCEPTION;
  char text[PATH_SIZE_MAX + 1];
  ssize_t length = readlinkat(at.place.parent, at.place.name, text, sizeof text);
  JSValue value = finish(context, &at, (int)length, "readlink");
  return JS_IsException(value) ? value : bytes_to_js(context, text, (size_t)length);
}

static NATIVE(files_read_xattrs) {
  struct argument at;
  if (argument_open(context, arguments, &at)) return JS_EXCEPTION;
  int way_back = directory_enter(at.place.parent);
  if (way_back < 0) return finish(context, &at, -1, "fchdir");
  JSValue value = xattrs_to_js(context, at.place.name, at.path);
  if (directory_leave(way_back) && !JS_IsException(value)) {
    JS_FreeValue(context, value);
    return finish(context, &at, -1, "fchdir");
  }
  argument_close(context, &at);
  return value;
}

static NATIVE(files_make_directory) {
  struct argument at;
  int32_t mode;
  if (JS_ToInt32(context, &mode, arguments[2]) || argument_open(context, arguments, &at)) {
    return JS_EXCEPTION;
  }
  int result = mkdirat(at.place.parent, at.place.name, (mode_t)mode & 07777);
  return finish(context, &at, result, "mkdir");
}

static NATIVE(files_make_link) {
  char *text = bytes_from_js(context, arguments[0], NULL);
  if (!text) return JS_EXCEPTION;
  struct argument at;
  JSValue value = JS_EXCEPTION;
  if (argument_open(context, arguments + 1, &at) == 0) {
    value = finish(context, &at, symlinkat(text, at.place.parent, at.place.name), "symlink");
  }
  js_free(context, text);
  return value;
}

static NATIVE(files_make_node) {
  static const struct {
    const char *name;
    mode_t format;
  } types[] = {{"char", S_IFCHR}, {"block", S_IFBLK}, {"fifo", S_IFIFO}, {"socket", S_IFSOCK}};
  uint32_t high, low;
  mode_t format = 0;
  if (JS_ToUint32(context, &high, arguments[3]) || JS_ToUint32(context, &low, arguments[4])) {
    return JS_EXCEPTION;
  }
  const char *type = JS_ToCString(context, arguments[2]);
  if (!type) return JS_EXCEPTION;
  for (size_t i = 0; i < COUNT_OF(types); i++) {
    if (strcmp(type, types[i].name) == 0) format = types[i].format;
  }
  JS_FreeCString(context, type);
  if (!format) return JS_ThrowTypeError(context, "no type of a node");
  struct argument at;
  if (argument_open(context, arguments, &at)) return JS_EXCEPTION;
  int result = mknodat(at.place.parent, at.place.name, format | 0600, makedev(high, low));
  return finish(context, &at, result, "mknod");
}

static NATIVE(files_set_metadata) {
  struct metadata metadata;
  struct argument at;
  if (metadata_from_js(context, arguments[2], &metadata)) return JS_EXCEPTION;
  JSValue value = JS_EXCEPTION;
  if (argument_open(context, arguments, &at) == 0) {
    struct stat status;
    const char *call = "stat";
    int result = fstatat(at.place.parent, at.place.name, &status, AT_SYMLINK_NOFOLLOW);
    if (result == 0) {
      result = metadata_set(at.place.parent, at.place.name, &status, &metadata, &call);
    }
    value = finish(context, &at, result, call);
  }
  metadata_release(context, &metadata);
  return value;
}

enum move { MOVE_LINK, MOVE_RENAME, MOVE_EXCHANGE, MOVE_COPY };

static int copy_file(struct place *source, struct place *target, const char **call) {
  *call = "open";
  int from = open_regular(source->parent, source->name, O_RDONLY, 0);
  if (from < 0) return -1;
  int to = open_below(target->parent, target->name, O_WRONLY | O_CREAT | O_EXCL, 0600);
  struct stat status;
  int result = to < 0 || fstat(from, &status) ? -1 : copy_content(from, to, status.st_size, call);
  int saved_errno = errno;
  close(from);
  if (to >= 0) close(to);
  if (to >= 0 && result < 0) unlinkat(target->parent, target->name, 0);
  errno = saved_errno;
  return result;
}

static int move(struct place *source, struct place *target, enum move kind, const char **call) {
  switch (kind) {
    case MOVE_LINK:
      *call = "link";
      return linkat(source->parent, source->name, target->parent, target->name, 0);
    case MOVE_RENAME:
      *call = "rename";
      return renameat(source->parent, source->name, target->parent, target->name);
    case MOVE_EXCHANGE:
      *call = "rename";
      return (int)syscall(SYS_renameat2, source->parent, source->name, target->parent, target->name,
                          RENAME_EXCHANGE_FLAG);
    default: return copy_file(source, target, call);
  }
}

/* The functions that take a source and a target; errors name the target. */
static NATIVE_WITH(files_move, kind) {
  struct argument source, target;
  if (argument_open(context, arguments, &source)) return JS_EXCEPTION;
  if (argument_open(context, arguments + 2, &target)) {
    argument_close(context, &source);
    return JS_EXCEPTION;
  }
  const char *call;
  int result = move(&source.place, &target.place, (enum move)kind, &call);
  JSValue value = finish(context, &target, result, call);
  argument_close(context, &source);
  return value;
}

static NATIVE(files_remove_file) {
  struct argument at;
  if (argument_open(context, arguments, &at)) return JS_EXCEPTION;
  return finish(context, &at, unlink_stubborn(at.place.parent, at.place.name, 0), "unlink");
}

static NATIVE(files_clear_flags) {
  struct argument at;
  if (argument_open(context, arguments, &at)) return JS_EXCEPTION;
  int result = flags_clear_name(at.place.parent, at.place.name);
  JSValue value = finish(context, &at, result, "ioctl");
  return JS_IsException(value) ? value : JS_NewBool(context, result);
}

static NATIVE(files_remove_tree) {
  struct argument at;
  int32_t directory;
  if (JS_ToInt32(context, &directory, arguments[0])) return JS_EXCEPTION;
  at.path = bytes_from_js(context, arguments[1], NULL);
  if (!at.path) return JS_EXCEPTION;
  at.place.owned = false;
  const char *call = "open";
  int result = place_open(directory, at.path, &at.place);
  if (result == 0) result = remove_tree(at.place.parent, at.place.name, &call);
  else if (is_absence()) result = *at.path ? 0 : -1;
  return finish(context, &at, result, call);
}

static const JSCFunctionListEntry files_functions[] = {
    JS_CFUNC_MAGIC_DEF("openRoot", 1, files_open_system, 1),
    JS_CFUNC_MAGIC_DEF("openFile", 1, files_open_system, 0),
    JS_CFUNC_DEF("openDirectory", 2, files_open_directory),
    JS_CFUNC_DEF("openRead", 2, files_open_read),
    JS_CFUNC_MAGIC_DEF("createFile", 3, files_open_write, O_EXCL),
    JS_CFUNC_MAGIC_DEF("openAppend", 3, files_open_write, O_APPEND),
    JS_CFUNC_DEF("close", 1, handle_close),
    JS_CFUNC_DEF("stat", 2, files_stat),
    JS_CFUNC_DEF("statHandle", 1, handle_stat_handle),
    JS_CFUNC_DEF("readDirectory", 2, files_read_directory),
    JS_CFUNC_DEF("readLink", 2, files_read_link),
    JS_CFUNC_DEF("readXattrs", 2, files_read_xattrs),
    JS_CFUNC_DEF("makeDirectory", 3, files_make_directory),
    JS_CFUNC_DEF("makeLink", 3, files_make_link),
    JS_CFUNC_DEF("makeNode", 5, files_make_node),
    JS_CFUNC_MAGIC_DEF("hardLink", 4, files_move, MOVE_LINK),
    JS_CFUNC_MAGIC_DEF("copyFile", 4, files_move, MOVE_COPY),
    JS_CFUNC_DEF("setMetadata", 3, files_set_metadata),
    JS_CFUNC_MAGIC_DEF("rename", 4, files_move, MOVE_RENAME),
    JS_CFUNC_MAGIC_DEF("exchange", 4, files_move, MOVE_EXCHANGE),
    JS_CFUNC_DEF("clearFlags", 2, files_clear_flags),
    JS_CFUNC_DEF("removeFile", 2, files_remove_file),
    JS_CFUNC_DEF("removeTree", 2, files_remove_tree),
    JS_CFUNC_DEF("read", 5, handle_read),
    JS_CFUNC_DEF("write", 4, handle_write),
    JS_CFUNC_MAGIC_DEF("sync", 1, handle_sync, 0),
    JS_CFUNC_MAGIC_DEF("syncFileSystem", 1, handle_sync, 1),
    JS_CFUNC_DEF("space", 1, handle_space),
    JS_CFUNC_DEF("diskTimes", 1, disk_times),
    JS_CFUNC_DEF("isMount", 2, disk_is_mount),
    JS_CFUNC_DEF("detachMount", 2, disk_detach_mount),
    JS_CFUNC_DEF("lock", 2, handle_lock),
    JS_CFUNC_DEF("isTerminal", 1, handle_is_terminal),
    JS_CFUNC_DEF("terminalWidth", 1, handle_terminal_width),
};

MODULE(files, files_functions)
