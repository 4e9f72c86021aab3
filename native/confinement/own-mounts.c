/* See own-mounts.h. */
#include "own-mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Linux 5.12; the same number on all machines that we build for. */
#define MOUNT_SETATTR 442
#define RECURSIVE 0x8000
/* Of a line in the table of mounts: two paths, and some words. */
#define LINE_SIZE_MAX (2 * PATH_MAX + 1024)
/* More disks than any machine has, so that a table that does not change is no endless loop. */
#define DISKS_MAX 1024
static const char table_path[] = "/proc/self/mountinfo";

enum { READ_ONLY = 1, NO_SUID = 2, NO_DEVICES = 4, NO_EXECUTION = 8 };

/* struct mount_attr */
struct mount_change {
  uint64_t set, clear, propagation, user_namespace;
};

/* 0, or the errno. */
static int change_tree(const char *path, unsigned flags, uint64_t set, uint64_t clear) {
  struct mount_change change = {.set = set, .clear = clear};
  return syscall(MOUNT_SETATTR, AT_FDCWD, path, flags, &change, sizeof change) ? errno : 0;
}

/*
 * All at once: the folder, then everything, then the folder as it was. A disk can be written to by its
 * device on a read-only mount, too, so no mount has any.
 */
static int seal_at_once(const char *changed, bool writable) {
  int failure = changed ? change_tree(changed, RECURSIVE, NO_SUID | NO_EXECUTION, 0) : 0;
  if (!failure) failure = change_tree("/", RECURSIVE, READ_ONLY | NO_DEVICES, 0);
  if (failure || !writable) return failure;
  failure = change_tree(changed, 0, 0, READ_ONLY);
  /* A folder that can't be changed any more would be worse than none of this. */
  if (failure) change_tree("/", RECURSIVE, 0, READ_ONLY);
  return failure;
}

/* One mount gets more flags; it keeps what it has. 0, or the errno. */
static int seal_mount(const char *path, unsigned long more) {
  static const unsigned long kept =
      ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_NOATIME | ST_NODIRATIME;
  struct statvfs status;
  if (statvfs(path, &status)) return errno;
  unsigned long flags = MS_REMOUNT | MS_BIND | more | (status.f_flag & kept);
  if (status.f_flag & ST_RELATIME) flags |= MS_RELATIME;
  return mount(NULL, path, NULL, flags, NULL) ? errno : 0;
}

/* Whether an escape of proc(5) stands here: `\040` is a blank. */
static bool is_escape(const char *text) {
  return text[0] == '\\' && strspn(text + 1, "01234567") >= 3;
}

/* Where the mount of this line stands, in place; NULL if it is no such line. */
static char *mount_point(char *line) {
  char *rest, *word = strtok_r(line, " ", &rest);
  for (int i = 0; word && i < 4; i++) word = strtok_r(NULL, " ", &rest);
  if (!word) return NULL;
  char *end = word;
  for (char *from = word; *from; end++) {
    bool escaped = is_escape(from);
    *end = escaped ? (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0')) : *from;
    from += escaped ? 4 : 1;
  }
  *end = 0;
  return word;
}

/* All mounts but the one at `path`, one after the other. 0, or the errno of the first that stays as it is. */
static int seal_others(const char *path, unsigned long more) {
  FILE *table = fopen(table_path, "re");
  int failure = table ? 0 : errno;
  static char line[LINE_SIZE_MAX];
  while (table && fgets(line, sizeof line, table)) {
    char *point = mount_point(line);
    if (!point || strcmp(point, path) == 0) continue;
    int refused = seal_mount(point, more);
    /* Under another mount there may be nothing of this name. */
    if (refused && refused != ENOENT && refused != ENOTDIR && !failure) failure = refused;
  }
  if (table) fclose(table);
  return failure;
}

/* As before Linux 5.12. 0, or the errno. */
static int seal_one_by_one(const char *changed) {
  if (!changed) return seal_others("", MS_RDONLY | MS_NODEV);
  char *path = realpath(changed, NULL);
  if (!path) return errno;
  int failure = seal_mount(path, MS_NOSUID | MS_NODEV | MS_NOEXEC);
  if (!failure) failure = seal_others(path, MS_RDONLY | MS_NODEV);
  free(path);
  return failure;
}

/* What is mounted and unmounted elsewhere is so in a copy of this mount, too: "shared:" or "master:" of proc(5). */
static bool follows(const char *line) {
  return strstr(line, " shared:") || strstr(line, " master:");
}

static bool root_follows(void) {
  FILE *table = fopen(table_path, "re");
  static char line[LINE_SIZE_MAX];
  bool follow = false;
  while (table && fgets(line, sizeof line, table)) {
    bool told = follows(line);
    char *point = mount_point(line);
    if (point && strcmp(point, "/") == 0) follow = told;
  }
  if (table) fclose(table);
  return follow;
}

/* Whether the path is the folder, or lies below it. */
static bool is_below(const char *path, const char *folder) {
  size_t length = strlen(folder);
  if (length == 1) return true;
  return strncmp(path, folder, length) == 0 && (!path[length] || path[length] == '/');
}

/* Whether what is mounted there is on the way to the path, or below it. */
static bool is_needed(const char *point, const char *path) {
  char *found = realpath(path, NULL);
  const char *real = found ? found : path;
  bool needed = is_below(real, point) || is_below(point, real);
  free(found);
  return needed;
}

/* The first disk that a copy would keep in use, though nothing here is read from it. */
static bool find_other_disk(char *point, const char *changed, char *const *read) {
  FILE *table = fopen(table_path, "re");
  static char line[LINE_SIZE_MAX];
  bool found = false;
  while (table && !found && fgets(line, sizeof line, table)) {
    const char *source = strstr(line, " - ");
    source = source ? strchr(source + 3, ' ') : NULL;
    bool is_disk = source && strncmp(source, " /dev/", 6) == 0 && !follows(line);
    char *path = is_disk ? mount_point(line) : NULL;
    if (!path || strlen(path) >= PATH_MAX || (changed && is_needed(path, changed))) continue;
    char *const *needed = read;
    while (*needed && !is_needed(path, *needed)) needed++;
    found = !*needed;
    if (found) strcpy(point, path);
  }
  if (table) fclose(table);
  return found;
}

/* Whoever unmounts a stick must get it back: it goes from the copy where that would not notice. */
static void leave_other_disks(const char *changed, char *const *read) {
  static char point[PATH_MAX];
  for (int i = 0; i < DISKS_MAX && find_other_disk(point, changed, read); i++)
    if (umount2(point, MNT_DETACH)) return;
}

/* The table of the mounts that were copied, where the copy does not follow them; or -1. */
static int copied_table = -1;

bool own_mounts_outdated(void) {
  static bool outdated;
  struct pollfd asked = {.fd = copied_table, .events = POLLPRI};
  if (copied_table >= 0 && poll(&asked, 1, 0) > 0) outdated = true;
  return outdated;
}

/* The working directory is below the folder, maybe: as the new mounts show it. */
static void enter_again(void) {
  char path[PATH_MAX];
  if (!getcwd(path, sizeof path) || chdir(path)) return;
}

/* Where programs and what they need may be, on disks of their own. */
static char *const system_places[] = {"/bin", "/etc", "/lib", "/lib64", "/sbin", "/usr", NULL};

int own_mounts_read_only(const char *needed) {
  if (unshare(CLONE_NEWNS)) return errno;
  if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL)) return errno;
  leave_other_disks(needed, system_places);
  enter_again();
  int failure = change_tree("/", RECURSIVE, READ_ONLY, 0);
  return failure == ENOSYS ? seal_others("", MS_RDONLY) : failure;
}

int own_mounts(const char *changed, char *const *read, bool may_hold) {
  struct statvfs status = {.f_flag = ST_RDONLY};
  if (changed && statvfs(changed, &status)) return errno;
  bool follow = root_follows();
  if (!follow && !may_hold) return ENOTSUP;
  if (!follow) copied_table = open(table_path, O_RDONLY | O_CLOEXEC);
  if (unshare(CLONE_NEWNS)) return errno;
  /* What is mounted or unmounted outside later is so here, too; never the other way round. */
  if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL)) return errno;
  leave_other_disks(changed, read);
  if (changed && mount(changed, changed, NULL, MS_BIND | MS_REC, NULL)) return errno;
  enter_again();
  int failure = seal_at_once(changed, !(status.f_flag & ST_RDONLY));
  return failure == ENOSYS ? seal_one_by_one(changed) : failure;
}
