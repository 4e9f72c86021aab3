/* See privileges.h. */
#include "privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_SET_NO_NEW_PRIVS
#define PR_SET_NO_NEW_PRIVS 38
#endif
#define BIT(capability) (UINT64_C(1) << (capability))

/*
 * Owners, modes and devices of a tree; flags that keep files from being removed; labels, and trusted.*
 * attributes, which want CAP_SYS_ADMIN: what else that allows is left to the filter of system calls.
 */
static const uint64_t of_trees = BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) |
                                 BIT(CAP_FSETID) | BIT(CAP_LINUX_IMMUTABLE) | BIT(CAP_SYS_ADMIN) |
                                 BIT(CAP_SYS_RESOURCE) | BIT(CAP_MKNOD) | BIT(CAP_SETFCAP) |
                                 BIT(CAP_MAC_ADMIN);

int privileges_gain_none(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? errno : 0; }

static uint64_t capabilities_of(enum work work) {
  switch (work) {
    case WORK_MAKES_TREES: return of_trees;
    /* A folder of its own that another user owns. */
    case WORK_WRITES: return BIT(CAP_DAC_OVERRIDE);
    case WORK_READS: break;
  }
  return BIT(CAP_DAC_READ_SEARCH);
}

int privileges_drop(enum work work) {
  uint64_t kept = capabilities_of(work);
  /* Fails where this process is not root, which has none to begin with. */
  for (int capability = 0; capability < 64; capability++)
    if (!(kept & BIT(capability))) (void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  /* The version of three words in two halves: Linux 2.6.26. */
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct halves[2];
  if (syscall(SYS_capget, &header, halves)) return errno;
  for (int i = 0; i < 2; i++) {
    halves[i].permitted &= (uint32_t)(kept >> (32 * i));
    halves[i].effective &= halves[i].permitted;
    halves[i].inheritable = 0;
  }
  return syscall(SYS_capset, &header, halves) ? errno : 0;
}
