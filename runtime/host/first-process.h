/*
 * What is different when this program is the first process of a machine (`/init`): it must never end,
 * because then the kernel panics and the laptop is stuck until somebody takes its battery out.
 */
#ifndef FIRST_PROCESS_H
#define FIRST_PROCESS_H

#include <stdbool.h>

/* Whether it runs as the init of this machine or process namespace: src/main.ts has the same rule. */
bool first_process_is_init(void);

/*
 * Instead of an end, with the words that were said: starts the program again, which then shows what
 * happened (the variable XO_INIT_FAILED), and if that fails, too, restarts the machine after a
 * while.
 */
_Noreturn void first_process_fail(const char *text);

#endif
