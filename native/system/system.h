/* What the files of native:system share: the functions of the contract, which system.c lists. */
#ifndef SYSTEM_H
#define SYSTEM_H

#include <stdbool.h>

#include "module.h"

/* mounts.c */
NATIVE(system_mount);
NATIVE(system_unmount);
NATIVE(system_pivot_root);

/* switch-root.c */
NATIVE(system_switch_root);

/* devices.c */
NATIVE(system_open_device);
NATIVE(system_use_as_standard);
NATIVE(system_set_watchdog);

/* keys.c */
NATIVE(system_set_raw_terminal);
NATIVE(system_read_keys);

/* signals.c */
NATIVE(system_next_signal);

/* What execve takes; release with execution_free. */
struct execution {
  char *program, **words, **environment;
};

/* Reads an Execution. Returns -1 with an exception. */
int execution_from_js(JSContext *context, JSValueConst value, struct execution *execution);
void execution_free(JSContext *context, struct execution *execution);

/* execve with every signal at its default and none blocked; returns the errno, with the signals as they were. */
int execution_run(const struct execution *execution);

#endif
