/* What others connect to: `listen`, `accept`, `closeListener` of native:sockets. */
#ifndef LISTENERS_H
#define LISTENERS_H

#include "quickjs.h"

/* What the two `_descriptor` functions say of a value of another class; -1 is one that was closed. */
#define NOT_OURS (-2)

JSValue listeners_listen(JSContext *context, JSValueConst self, int argc, JSValueConst *argv);
JSValue listeners_accept(JSContext *context, JSValueConst self, int argc, JSValueConst *argv);
JSValue listeners_close(JSContext *context, JSValueConst self, int argc, JSValueConst *argv);
int listeners_descriptor(JSValueConst value);

#endif
