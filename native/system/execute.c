/* Puts another program in this process's place. */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "system.h"
#include "words.h"

int execution_from_js(JSContext *context, JSValueConst value, struct execution *execution) {
  *execution = (struct execution){.program = get_bytes_property(context, value, "program")};
  if (execution->program) execution->words = words_from_js(context, value, "words");
  if (execution->words) execution->environment = words_from_js(context, value, "environment");
  if (execution->environment) return 0;
  execution_free(context, execution);
  return -1;
}

void execution_free(JSContext *context, struct execution *execution) {
  js_free(context, execution->program);
  words_free(context, execution->words);
  words_free(context, execution->environment);
}

int execution_run(const struct execution *execution) {
  /* execve resets handlers; what is ignored or blocked stays so, which breaks a system's init. */
  sigset_t none, blocked_before;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, &blocked_before);
  struct sigaction usual = {.sa_handler = SIG_DFL}, pipe_before;
  sigaction(SIGPIPE, &usual, &pipe_before);
  execve(execution->program, execution->words, execution->environment);
  int saved_errno = errno;
  sigaction(SIGPIPE, &pipe_before, NULL);
  sigprocmask(SIG_SETMASK, &blocked_before, NULL);
  return saved_errno;
}
