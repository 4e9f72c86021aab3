/* Looking up host names beside the loop. */
#ifndef NAMES_H
#define NAMES_H

#include "native.h"

/* `resolve(host, port)` of native:sockets. */
NATIVE(names_resolve);

#endif
