/* What other native modules may do with sockets: make one of a descriptor that they have. */
#ifndef SOCKETS_H
#define SOCKETS_H

#include "quickjs.h"

/* A Socket of a connected stream socket. Takes the descriptor, also where it fails. */
JSValue socket_of_descriptor(JSContext *context, int fd);

#endif
