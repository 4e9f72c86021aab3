/* `interfaces()` of native:sockets. */
#ifndef INTERFACES_H
#define INTERFACES_H

#include "native.h"

NATIVE(interfaces_list);

#endif
