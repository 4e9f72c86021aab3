/*
 * Runs a program as on a kernel that lacks something: `old-kernel WORD,WORD PROGRAM WORD…`, where a word is a
 * system call or feature of the table below. With `shared-mounts` or `private-mounts` it gets mounts of its own
 * as well, so that what it does there does no harm.
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

/* By number, since old headers lack some. */
static const struct {
  const char *word;
  unsigned call, failure;
} lacking[] = {
    {"openat2", 437, ENOSYS},
    {"copy_file_range", SYS_copy_file_range, ENOSYS},
    {"mount_setattr", 442, ENOSYS},
    {"landlock", 444, ENOSYS},
    /* As a container forbids it. */
    {"unshare", SYS_unshare, EPERM},
};

static struct sock_filter steps[32];
static unsigned short length;

static void add(struct sock_filter step) { steps[length++] = step; }

static void load(size_t offset) {
  add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset));
}

static void refuse(unsigned value, unsigned failure) {
  add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
  add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | failure));
}

/* Nor can it be told to filter: one more filter is this one. */
static void refuse_filters(void) {
  add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3));
  load(offsetof(struct seccomp_data, args));
  refuse(PR_SET_SECCOMP, EINVAL);
}

static int take_mounts(unsigned long propagation) {
  if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL)) return -1;
  return mount(NULL, "/", NULL, propagation | MS_REC, NULL);
}

int main(int count, char **words) {
  if (count < 3) return 64;
  int refuses_filters = 0;
  load(offsetof(struct seccomp_data, nr));
  for (char *word = strtok(words[1], ","); word; word = strtok(NULL, ",")) {
    size_t i = 0, kinds = sizeof lacking / sizeof *lacking;
    while (i < kinds && strcmp(lacking[i].word, word) != 0) i++;
    if (i < kinds) refuse(lacking[i].call, lacking[i].failure);
    else if (strcmp(word, "seccomp") == 0) refuses_filters = 1;
    else if (take_mounts(strcmp(word, "shared-mounts") == 0 ? MS_SHARED : MS_PRIVATE)) {
      perror(word);
      return 71;
    }
  }
  if (refuses_filters) refuse_filters();
  add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
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
