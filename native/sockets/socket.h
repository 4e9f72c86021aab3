/* A Socket, for native:sockets and for other modules that have a descriptor to make one of. */
#ifndef SOCKET_H
#define SOCKET_H

#include "native.h"

/* Registers the class; for the `prepare` of each module that makes sockets. -1 with an exception. */
int socket_prepare(JSContext *context);

/* A Socket of a connected stream socket. Takes the descriptor, even if it fails. */
JSValue socket_of_descriptor(JSContext *context, int fd);

NATIVE(socket_read);
NATIVE(socket_write);
NATIVE(socket_shutdown);
NATIVE(socket_close);

#endif
