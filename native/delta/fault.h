/* How the parts of native:delta that know nothing of JavaScript say what went wrong. */
#ifndef FAULT_H
#define FAULT_H

struct budget;

enum fault_kind {
  FAULT_NONE,
  /* The peer's bytes are impossible: `message` says what was found and what was allowed. */
  FAULT_TOKEN,
  /* The kernel refused: `call` and `saved_errno`. */
  FAULT_SYSTEM,
  FAULT_MEMORY,
};

struct fault {
  enum fault_kind kind;
  const char *call;
  int saved_errno;
  char message[400];
};

/* Each returns -1, so that a function can end in `return fault_...`. */
int fault_token(struct fault *fault, const char *format, ...) __attribute__((format(printf, 2, 3)));
int fault_system(struct fault *fault, const char *call, int saved_errno);
/* After a refusal of a budget: the fault of whose bytes they are where that is spent, or else FAULT_MEMORY. */
int fault_memory(struct fault *fault, const struct budget *budget);

#endif
