/* `interfaces()` of native:sockets. */
#ifndef INTERFACES_H
#define INTERFACES_H

#include "quickjs.h"

JSValue interfaces_list(JSContext *context, JSValueConst self, int argc, JSValueConst *argv);

#endif
