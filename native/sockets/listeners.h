/* What others connect to: `listen`, `accept`, `closeListener` of native:sockets. */
#ifndef LISTENERS_H
#define LISTENERS_H

#include "native.h"

/* What the two `_descriptor` functions return for a value of another class; -1 is one that was closed. */
#define NOT_OURS (-2)

/* Registers the class. -1 with an exception. */
int listeners_prepare(JSContext *context);

NATIVE(listeners_listen);
NATIVE(listeners_accept);
NATIVE(listeners_close);
int listeners_descriptor(JSValueConst value);

#endif
