/* UDP: `openDatagram`, `sendDatagram`, `receiveDatagram`, `closeDatagram` of native:sockets. */
#ifndef DATAGRAMS_H
#define DATAGRAMS_H

#include "quickjs.h"

JSValue datagrams_open(JSContext *context, JSValueConst self, int argc, JSValueConst *argv);
JSValue datagrams_send(JSContext *context, JSValueConst self, int argc, JSValueConst *argv);
JSValue datagrams_receive(JSContext *context, JSValueConst self, int argc, JSValueConst *argv);
JSValue datagrams_close(JSContext *context, JSValueConst self, int argc, JSValueConst *argv);
/* As listeners_descriptor. */
int datagrams_descriptor(JSValueConst value);

#endif
