/*
 * Runs a program as on a kernel that lacks something: `without landlock,mount_setattr,unshare,seccomp,shared PROGRAM WORD…`, in
 * mounts of its own, so that what it does there then does no harm.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CREATE_RULESET 444
#define MOUNT_SETATTR 442

static struct sock_filter steps[16];
static unsigned short length;

static void refuse(unsigned call, unsigned failure) {
  steps[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1);
  steps[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | failure);
}

int main(int count, char **words) {
  if (count < 3) return 64;
  if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) ||
      (!strstr(words[1], "shared") && mount(NULL, "/", NULL, MS_SHARED | MS_REC, NULL))) {
    perror("unshare");
    return 71;
  }
  steps[length++] =
      (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  if (strstr(words[1], "landlock")) refuse(CREATE_RULESET, ENOSYS);
  if (strstr(words[1], "mount_setattr")) refuse(MOUNT_SETATTR, ENOSYS);
  if (strstr(words[1], "unshare")) refuse(SYS_unshare, EPERM);
  if (strstr(words[1], "seccomp")) {
    steps[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3);
    steps[length++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args));
    refuse(PR_SET_SECCOMP, EINVAL);
  }
  steps[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog filter = {length, steps};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)) {
    perror("prctl");
    return 71;
  }
  execv(words[2], words + 2);
  perror(words[2]);
  return 72;
}
