/* The table of native:sockets; each kind of socket has a file of its own. */
#include <errno.h>

#include "addresses.h"
#include "connect.h"
#include "datagrams.h"
#include "interfaces.h"
#include "listeners.h"
#include "module.h"
#include "names.h"
#include "socket.h"

static NATIVE(sockets_local_port) {
  int fd = listeners_descriptor(arguments[0]);
  if (fd == NOT_OURS) fd = datagrams_descriptor(arguments[0]);
  if (fd == NOT_OURS) return JS_ThrowTypeError(context, "neither a Listener nor a Datagram");
  int port = bound_port(fd);
  int saved_errno = errno;
  return port < 0 ? throw_system_error(context, "getsockname", NULL, saved_errno)
                  : JS_NewInt32(context, port);
}

static const JSCFunctionListEntry sockets_functions[] = {
    JS_CFUNC_DEF("resolve", 2, names_resolve),
    JS_CFUNC_DEF("connect", 2, connect_address),
    JS_CFUNC_DEF("connectPath", 2, connect_path),
    JS_CFUNC_DEF("read", 5, socket_read),
    JS_CFUNC_DEF("write", 5, socket_write),
    JS_CFUNC_DEF("shutdown", 1, socket_shutdown),
    JS_CFUNC_DEF("close", 1, socket_close),
    JS_CFUNC_DEF("listen", 2, listeners_listen),
    JS_CFUNC_DEF("accept", 1, listeners_accept),
    JS_CFUNC_DEF("closeListener", 1, listeners_close),
    JS_CFUNC_DEF("localPort", 1, sockets_local_port),
    JS_CFUNC_DEF("interfaces", 0, interfaces_list),
    JS_CFUNC_DEF("openDatagram", 1, datagrams_open),
    JS_CFUNC_DEF("sendDatagram", 5, datagrams_send),
    JS_CFUNC_DEF("receiveDatagram", 3, datagrams_receive),
    JS_CFUNC_DEF("closeDatagram", 1, datagrams_close),
};

static int sockets_prepare(JSContext *context, UNUSED JSModuleDef *module) {
  return socket_prepare(context) || listeners_prepare(context) || datagrams_prepare(context) ? -1
                                                                                             : 0;
}

MODULE_WITH(sockets, sockets_functions, sockets_prepare)
