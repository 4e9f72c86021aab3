/* See own-mounts.h. */
#include "own-mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Linux 5.12; the same number on all machines that we build for. */
#define MOUNT_SETATTR 442
#define RECURSIVE 0x8000

enum { READ_ONLY = 1, NO_SUID = 2, NO_DEVICES = 4, NO_EXECUTION = 8 };

/* struct mount_attr */
struct mount_change {
  uint64_t set, clear, propagation, user_namespace;
};

static int change_mount(const char *path, unsigned flags, uint64_t set, uint64_t clear) {
  struct mount_change change = {.set = set, .clear = clear};
  return syscall(MOUNT_SETATTR, AT_FDCWD, path, flags, &change, sizeof change) ? errno : 0;
}

/* The working directory is below the folder, maybe: as the new mounts show it. */
static void enter_again(void) {
  char path[PATH_MAX];
  if (!getcwd(path, sizeof path) || chdir(path)) return;
}

int own_mounts(const char *changed) {
  struct statvfs status;
  if (statvfs(changed, &status)) return errno;
  /* Without changing anything: whether this kernel has the call. */
  if (syscall(MOUNT_SETATTR, -1, "", 0, NULL, 0) && errno == ENOSYS) return ENOSYS;
  if (unshare(CLONE_NEWNS)) return errno;
  /* What is mounted or unmounted outside later is so here, too; never the other way round. */
  if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL)) return errno;
  if (mount(changed, changed, NULL, MS_BIND | MS_REC, NULL)) return errno;
  enter_again();
  int failure = change_mount(changed, RECURSIVE, NO_SUID | NO_DEVICES | NO_EXECUTION, 0);
  if (!failure) failure = change_mount("/", RECURSIVE, READ_ONLY, 0);
  if (failure || status.f_flag & ST_RDONLY) return failure;
  failure = change_mount(changed, 0, 0, READ_ONLY);
  /* A folder that can't be changed any more would be worse than none of this. */
  if (failure) change_mount("/", RECURSIVE, 0, READ_ONLY);
  return failure;
}
