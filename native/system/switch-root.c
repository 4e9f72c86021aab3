/*
 * From the initramfs to the real root. The initramfs takes memory that the laptop needs, so it is
 * emptied; but only once the new program runs, because until then it holds all that could help. A
 * child waits for that moment: its pipe is closed when the program starts. It must never remove
 * anything from a disk: only a memory file system is emptied, and no mount is crossed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "system.h"

/* Deeper folders than this are left behind (each level holds a handle and a stack frame). */
#define DEPTH_MAX 64

/* Takes the handle. What can't be removed stays; there is nobody to tell. */
static void empty_directory(int fd, dev_t device, int depth) {
  DIR *directory = fdopendir(fd);
  if (!directory) {
    close(fd);
    return;
  }
  struct dirent *entry;
  while ((entry = readdir(directory))) {
    struct stat stat;
    const char *name = entry->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
    if (fstatat(dirfd(directory), name, &stat, AT_SYMLINK_NOFOLLOW) || stat.st_dev != device) {
      continue;
    }
    if (S_ISDIR(stat.st_mode) && depth < DEPTH_MAX) {
      int below = openat(dirfd(directory), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (below >= 0) empty_directory(below, device, depth + 1);
    }
    unlinkat(dirfd(directory), name, S_ISDIR(stat.st_mode) ? AT_REMOVEDIR : 0);
  }
  closedir(directory);
}

static bool lives_in_memory(int root) {
  struct statfs status;
  if (fstatfs(root, &status)) return false;
  return status.f_type == RAMFS_MAGIC || status.f_type == TMPFS_MAGIC;
}

/* 0, or the errno. The handle of `/`, and its device. */
static int open_old_root(const char *root, int *old_root, dev_t *device) {
  struct stat old_stat, new_stat;
  *old_root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (*old_root < 0 || fstat(*old_root, &old_stat) || stat(root, &new_stat)) return errno;
  *device = old_stat.st_dev;
  /* With nothing mounted at `root`, the very system to be run would be emptied. */
  if (old_stat.st_dev == new_stat.st_dev || !lives_in_memory(*old_root)) return EINVAL;
  return 0;
}

/* The child: waits for the program to start (the pipe ends without a word), then empties. */
static _Noreturn void empty_later(int pipe_end, int old_root, dev_t device) {
  char word;
  ssize_t count;
  do count = read(pipe_end, &word, 1);
  while (count < 0 && errno == EINTR);
  if (count == 0) empty_directory(old_root, device, 0);
  _exit(0);
}

/* Starts the child. 0 and our end of the pipe, or the errno. */
static int start_emptying(int old_root, dev_t device, int *pipe_end) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC)) return errno;
  pid_t child = fork();
  int saved_errno = errno;
  if (child == 0) {
    close(ends[1]);
    empty_later(ends[0], old_root, device);
  }
  close(ends[0]);
  if (child > 0) {
    *pipe_end = ends[1];
    return 0;
  }
  close(ends[1]);
  return saved_errno;
}

/* Moves the old root back to `/` and the new one to its place. Needs the new one's /proc. */
static void return_to(int old_root, const char *root) {
  char place[64 + 4096];
  if (snprintf(place, sizeof place, "/proc/self/fd/%d/%s", old_root, root) < (int)sizeof place) {
    (void)!mount("/", place, NULL, MS_MOVE, NULL);
  }
  if (fchdir(old_root) == 0) (void)!chroot(".");
  (void)!chdir("/");
}

/* Returns the errno, and the call that failed. */
static int switch_root(const char *root, const struct execution *execution, const char **call) {
  int old_root, pipe_end = -1;
  dev_t device;
  *call = "switch_root";
  int failure = open_old_root(root, &old_root, &device);
  if (!failure) failure = start_emptying(old_root, device, &pipe_end);
  if (failure) {
    if (old_root >= 0) close(old_root);
    return failure;
  }
  if (chdir(root) || mount(".", "/", NULL, MS_MOVE, NULL)) {
    failure = errno;
    (void)!chdir("/");
  } else if (chroot(".") || chdir("/")) {
    failure = errno;
    return_to(old_root, root);
  } else {
    *call = "execve";
    failure = execution_run(execution);
    return_to(old_root, root);
  }
  (void)!write(pipe_end, "x", 1);
  close(pipe_end);
  close(old_root);
  return failure;
}

NATIVE(system_switch_root) {
  struct execution execution;
  char *root = bytes_from_js(context, arguments[0], NULL);
  if (!root) return JS_EXCEPTION;
  JSValue result = JS_EXCEPTION;
  if (!execution_from_js(context, arguments[1], &execution)) {
    const char *call;
    int failure = switch_root(root, &execution, &call);
    const char *path = strcmp(call, "execve") == 0 ? execution.program : root;
    result = throw_system_error(context, call, path, failure);
    execution_free(context, &execution);
  }
  js_free(context, root);
  return result;
}
