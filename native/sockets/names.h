/* Looking up host names beside the loop. */
#ifndef NAMES_H
#define NAMES_H

#include "quickjs.h"

/* `resolve(host, port)` of native:sockets. */
JSValue names_resolve(JSContext *context, JSValueConst self, int argc, JSValueConst *argv);

#endif
