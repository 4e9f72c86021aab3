/* See landlock.h; linux/landlock.h has the numbers, from which old headers lack some. */
#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same on all machines that we build for. */
#define CREATE_RULESET 444
#define ADD_RULE 445
#define RESTRICT_SELF 446
#define GET_VERSION 1
#define RULE_PATH_BENEATH 1

enum {
  WRITE_FILE = 1 << 1,
  READ_FILE = 1 << 2,
  READ_DIRECTORY = 1 << 3,
  REMOVE_DIRECTORY = 1 << 4,
  REMOVE_FILE = 1 << 5,
  MAKE_ANY = 0x7f << 6,
  REFER = 1 << 13,
  TRUNCATE = 1 << 14,
  /* Execution and every right before REFER. */
  FIRST_RIGHTS = (1 << 13) - 1,
};
#define BIND_TCP 1
/* Neither abstract sockets nor signals reach anybody who is not confined as well. */
#define SCOPES 3

/* struct landlock_ruleset_attr of the sixth version; older ones know less of it. */
struct ruleset {
  uint64_t files, network, scopes;
};
struct path_rule {
  uint64_t allowed;
  int32_t fd;
} __attribute__((packed));

int landlock_version(void) {
  long version = syscall(CREATE_RULESET, NULL, 0, GET_VERSION);
  return version < 0 ? 0 : (int)version;
}

static size_t ruleset_size(int version) {
  size_t count = version >= 6 ? 3 : version >= 4 ? 2 : 1;
  return count * sizeof(uint64_t);
}

/* Allows it below the path, if that is there. 0, or the errno. */
static int allow(int ruleset, const char *path, uint64_t rights) {
  struct path_rule rule = {.allowed = rights, .fd = open(path, O_PATH | O_CLOEXEC)};
  if (rule.fd < 0) return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : errno;
  struct stat status;
  int failure = fstat(rule.fd, &status) ? errno : 0;
  /* Of anything but a folder only what files have may be said. */
  if (!failure && !S_ISDIR(status.st_mode)) rule.allowed &= WRITE_FILE | READ_FILE | TRUNCATE;
  if (!failure && syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0)) failure = errno;
  close(rule.fd);
  return failure;
}

int landlock_restrict(int version, char *const *read, const char *change) {
  uint64_t writing = WRITE_FILE | REMOVE_DIRECTORY | REMOVE_FILE | MAKE_ANY | REFER;
  struct ruleset handled = {FIRST_RIGHTS | REFER, BIND_TCP, SCOPES};
  if (version >= 3) {
    writing |= TRUNCATE;
    handled.files |= TRUNCATE;
  }
  int ruleset = (int)syscall(CREATE_RULESET, &handled, ruleset_size(version), 0);
  if (ruleset < 0) return errno;
  const uint64_t reading = READ_FILE | READ_DIRECTORY;
  int failure = 0;
  for (; *read && !failure; read++) failure = allow(ruleset, *read, reading);
  if (change && !failure) failure = allow(ruleset, change, reading | writing);
  if (!failure && syscall(RESTRICT_SELF, ruleset, 0)) failure = errno;
  close(ruleset);
  return failure;
}
