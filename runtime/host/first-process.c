/* The last resort of /init. It must depend on nothing that may just have failed: no memory, no JavaScript. */
#include "first-process.h"

#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "host.h"

/* Long enough to read and copy one line (seconds). */
#define RESTART_AFTER 30

bool first_process_is_init(void) {
  if (getpid() != 1 || host_argument_count < 1) return false;
  const char *slash = strrchr(host_arguments[0], '/');
  if (strcmp(slash ? slash + 1 : host_arguments[0], "init") == 0) return true;
  return host_argument_count > 1 && strcmp(host_arguments[1], "init") == 0;
}

_Noreturn void first_process_fail(const char *text) {
  if (!getenv("XO_INIT_FAILED") && setenv("XO_INIT_FAILED", text, 1) == 0) {
    execv("/proc/self/exe", host_arguments);
    execv(host_arguments[0], host_arguments);
  }
  sync();
  sleep(RESTART_AFTER);
  reboot(RB_AUTOBOOT);
  for (;;) pause();
}
