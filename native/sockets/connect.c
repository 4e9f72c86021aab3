/* Making a connection, over TCP or to a unix socket, with a deadline. */
#include "connect.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addresses.h"
#include "loop.h"
#include "module.h"
#include "socket.h"

/* A connection being made. */
struct connecting {
  struct loop_wait wait;
  JSValue resolve, reject;
  struct socket_address peer;
};

/* Ends it: with the socket if `saved_errno` is 0. */
static void connecting_settle(JSContext *context, struct connecting *connecting, int saved_errno) {
  JSValue value;
  if (saved_errno == 0) {
    value = socket_of_descriptor(context, connecting->wait.fd);
  } else {
    if (connecting->wait.fd >= 0) close(connecting->wait.fd);
    value = new_system_error(context, "connect", connecting->peer.name, saved_errno);
  }
  bool failed = saved_errno != 0 || JS_IsException(value);
  if (JS_IsException(value)) value = JS_GetException(context);
  JSValue function = failed ? connecting->reject : connecting->resolve;
  JS_FreeValue(context, JS_Call(context, function, JS_UNDEFINED, 1, (JSValueConst *)&value));
  JS_FreeValue(context, value);
  JS_FreeValue(context, connecting->resolve);
  JS_FreeValue(context, connecting->reject);
  free(connecting);
}

static void connecting_wake(JSContext *context, struct loop_wait *wait, bool ready) {
  int failure = ETIMEDOUT;
  socklen_t size = sizeof failure;
  if (ready && getsockopt(wait->fd, SOL_SOCKET, SO_ERROR, &failure, &size) < 0) failure = errno;
  connecting_settle(context, (struct connecting *)wait, failure);
}

/* A socket on its way to be connected: its descriptor, or -1. *failure: 0, EINPROGRESS or the errno. */
static int begin_connect(const struct socket_address *peer, int *failure) {
  int fd = socket(peer->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    *failure = errno;
    return -1;
  }
  if (peer->any.sa_family != AF_UNIX) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  }
  *failure = connect(fd, &peer->any, peer->length) == 0 ? 0 : errno;
  if (*failure == EINTR) *failure = EINPROGRESS;
  return fd;
}

/* Takes `connecting`, whose peer is set unless `failed`. */
static JSValue connect_peer(JSContext *context, struct connecting *connecting, int failed,
                            JSValueConst timeout) {
  double timeout_ms;
  JSValue functions[2], promise = JS_EXCEPTION;
  if (!failed && !JS_ToFloat64(context, &timeout_ms, timeout)) {
    promise = JS_NewPromiseCapability(context, functions);
  }
  if (JS_IsException(promise)) {
    free(connecting);
    return promise;
  }
  connecting->resolve = functions[0];
  connecting->reject = functions[1];
  int failure;
  int fd = begin_connect(&connecting->peer, &failure);
  connecting->wait = (struct loop_wait){.fd = fd,
                                        .events = POLLOUT,
                                        .deadline_ms = loop_deadline_ms(timeout_ms),
                                        .wake = connecting_wake};
  if (failure == EINPROGRESS) loop_add(&connecting->wait);
  else connecting_settle(context, connecting, failure);
  return promise;
}

NATIVE(connect_address) {
  struct connecting *connecting = calloc(1, sizeof *connecting);
  if (!connecting) return JS_ThrowOutOfMemory(context);
  int failed = address_from_js(context, "connect", arguments[0], &connecting->peer);
  return connect_peer(context, connecting, failed, arguments[1]);
}

NATIVE(connect_path) {
  struct connecting *connecting = calloc(1, sizeof *connecting);
  if (!connecting) return JS_ThrowOutOfMemory(context);
  int failed = address_of_path(context, "connect", arguments[0], &connecting->peer);
  return connect_peer(context, connecting, failed, arguments[1]);
}
