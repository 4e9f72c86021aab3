/* What the files of native:system share: the functions of the contract, which system.c lists. */
#ifndef SYSTEM_H
#define SYSTEM_H

#include <stdbool.h>

#include "module.h"

#define SYSTEM_FUNCTION(name) \
  JSValue system_##name(JSContext *context, JSValueConst self, int argc, JSValueConst *argv)

/* mounts.c */
SYSTEM_FUNCTION(mount);
SYSTEM_FUNCTION(unmount);
SYSTEM_FUNCTION(pivot_root);

/* switch-root.c */
SYSTEM_FUNCTION(switch_root);

/* devices.c */
SYSTEM_FUNCTION(open_device);
SYSTEM_FUNCTION(use_as_standard);
SYSTEM_FUNCTION(set_watchdog);

/* keys.c */
SYSTEM_FUNCTION(set_raw_terminal);
SYSTEM_FUNCTION(read_keys);

/* signals.c */
SYSTEM_FUNCTION(next_signal);

/* What execve takes; release with execution_free. */
struct execution {
  char *program, **words, **environment;
};

/* Reads an Execution. Returns -1 with an exception. */
int execution_from_js(JSContext *context, JSValueConst value, struct execution *execution);
void execution_free(JSContext *context, struct execution *execution);

/* execve with every signal's usual action and none blocked; returns the errno, with the signals as they were. */
int execution_run(const struct execution *execution);

#endif
