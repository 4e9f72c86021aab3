/* Filling in a fault; see fault.h. */
#include "fault.h"

#include <stdarg.h>
#include <stdio.h>

#include "budget.h"

int fault_token(struct fault *fault, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(fault->message, sizeof fault->message, format, arguments);
  va_end(arguments);
  fault->kind = FAULT_TOKEN;
  return -1;
}

int fault_system(struct fault *fault, const char *call, int saved_errno) {
  fault->kind = FAULT_SYSTEM;
  fault->call = call;
  fault->saved_errno = saved_errno;
  return -1;
}

int fault_memory(struct fault *fault, const struct budget *budget) {
  bool spent = budget_describe(budget, fault->message, sizeof fault->message);
  fault->kind = spent ? FAULT_TOKEN : FAULT_MEMORY;
  return -1;
}
