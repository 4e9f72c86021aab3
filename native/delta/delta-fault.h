/* A fault of native:delta as JavaScript's exception. */
#ifndef DELTA_FAULT_H
#define DELTA_FAULT_H

#include "fault.h"
#include "quickjs.h"

/* Throws a fault as the contract says. */
JSValue delta_throw_fault(JSContext *context, const struct fault *fault);

#endif
