/* `connect(address, timeoutMs)` and `connectPath(path, timeoutMs)` of native:sockets. */
#ifndef CONNECT_H
#define CONNECT_H

#include "quickjs.h"

JSValue connect_address(JSContext *context, JSValueConst self, int argc, JSValueConst *argv);
JSValue connect_path(JSContext *context, JSValueConst self, int argc, JSValueConst *argv);

#endif
