/* `connect(address, timeoutMs)` and `connectPath(path, timeoutMs)` of native:sockets. */
#ifndef CONNECT_H
#define CONNECT_H

#include "native.h"

NATIVE(connect_address);
NATIVE(connect_path);

#endif
