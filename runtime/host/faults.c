/*
 * What is said of the processor's and the C library's faults. The handler depends on nothing that the
 * fault may have broken, since it may come in the middle of anything.
 */
#include "faults.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "fail.h"
#include "native.h"

/* The handler's own stack: the fault may be that the other one is used up (bytes). */
#define FAULT_STACK_SIZE (64 * 1024)

static const struct {
  int signal;
  const char *text;
} faults[] = {
    {SIGSEGV, "it touched memory that is not there"},
    {SIGBUS, "it touched memory that can not be read"},
    {SIGILL, "the processor does not know an instruction"},
    {SIGFPE, "it calculated what has no result"},
    {SIGABRT, "it gave up"},
    {SIGSYS, "the kernel does not know a call"},
    {SIGTRAP, "it ran into a trap"},
};

static void obey_fault(int signal) {
  /* A child that is not yet another program carries no system. */
  if (getpid() != 1) _exit(128 + signal);
  for (size_t i = 0; i < COUNT_OF(faults); i++)
    if (faults[i].signal == signal) host_fail(faults[i].text);
  host_fail("a signal that nobody expects");
}

void catch_faults(void) {
  static char stack[FAULT_STACK_SIZE];
  const stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&own, NULL);
  struct sigaction action = {.sa_handler = obey_fault, .sa_flags = SA_ONSTACK | SA_NODEFER};
  for (size_t i = 0; i < COUNT_OF(faults); i++) {
    sigaction(faults[i].signal, &action, NULL);
  }
}
