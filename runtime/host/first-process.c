/*
 * The last resort of /init. It must depend on nothing that may just have failed: no memory, no
 * JavaScript, and no lock of the C library, because a fault may come in the middle of anything.
 */
#include "first-process.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "arguments.h"

/* Long enough to read and copy down the one line that host_fail has written (seconds). */
#define RESTART_AFTER 30
#define RESTART_TEXT "This laptop can not start now. It restarts in 30 seconds.\n"
/* Says that this process was restarted, and why; src/boot/init.ts reads it. */
#define FAILED "XO_INIT_FAILED"
/* Of the reason (bytes), and of the variables that go along. */
#define REASON_MAX 200
#define VARIABLES_MAX 256

bool first_process_is_init(void) {
  if (getpid() != 1 || host_argument_count < 1) return false;
  const char *slash = strrchr(host_arguments[0], '/');
  if (strcmp(slash ? slash + 1 : host_arguments[0], "init") == 0) return true;
  return host_argument_count > 1 && strcmp(host_arguments[1], "init") == 0;
}

static void start_anew(const char *text) {
  static char reason[sizeof FAILED + REASON_MAX + 1] = FAILED "=";
  static char *variables[VARIABLES_MAX + 2] = {reason};
  strncpy(reason + sizeof FAILED, text, REASON_MAX);
  for (int i = 0; i < VARIABLES_MAX && environ[i]; i++) variables[i + 1] = environ[i];
  /* What the handler of a fault has blocked stays blocked across execve. */
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  execve("/proc/self/exe", host_arguments, variables);
  execve(host_arguments[0], host_arguments, variables);
}

_Noreturn void first_process_fail(const char *text) {
  if (!getenv(FAILED)) start_anew(text);
  (void)!write(STDERR_FILENO, RESTART_TEXT, sizeof RESTART_TEXT - 1);
  sync();
  sleep(RESTART_AFTER);
  reboot(RB_AUTOBOOT);
  for (;;) pause();
}
