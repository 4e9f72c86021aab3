/* UDP: `openDatagram`, `sendDatagram`, `receiveDatagram`, `closeDatagram` of native:sockets. */
#ifndef DATAGRAMS_H
#define DATAGRAMS_H

#include "native.h"

/* Registers the class. -1 with an exception. */
int datagrams_prepare(JSContext *context);

NATIVE(datagrams_open);
NATIVE(datagrams_send);
NATIVE(datagrams_receive);
NATIVE(datagrams_close);
/* As listeners_descriptor. */
int datagrams_descriptor(JSValueConst value);

#endif
