/* The native modules that this program has. */
#ifndef MODULES_H
#define MODULES_H

#include "quickjs.h"

/* Puts the names of all native modules into the context. Returns -1 with an exception. */
int register_modules(JSContext *context);

#endif
