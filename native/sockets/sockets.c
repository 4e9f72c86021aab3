/*
 * TCP streams and socket pairs as promises over the host's loop. Every call first tries at once, and
 * waits only where the kernel says that it would block. Names are looked up by names.c.
 */
#include "sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop.h"
#include "module.h"
#include "names.h"

/* One direction of a socket: the read or the write that waits. It holds its socket alive. */
struct transfer {
  struct loop_wait wait;
  JSValue socket, buffer, resolve, reject;
  size_t offset, length;
  double timeout_ms;
};

struct socket {
  int fd; /* -1 once closed. */
  struct transfer reading, writing;
};

static JSClassID socket_class;

static void socket_finalize(JSRuntime *runtime, JSValue value) {
  struct socket *socket = JS_GetOpaque(value, socket_class);
  if (!socket) return;
  if (socket->fd >= 0) close(socket->fd);
  js_free_rt(runtime, socket);
}

static const JSClassDef socket_class_definition = {"Socket", .finalizer = socket_finalize};

static void transfer_wake(JSContext *context, struct loop_wait *wait, bool ready);

JSValue socket_of_descriptor(JSContext *context, int fd) {
  JSRuntime *runtime = JS_GetRuntime(context);
  JS_NewClassID(&socket_class);
  if (!JS_IsRegisteredClass(runtime, socket_class) &&
      JS_NewClass(runtime, socket_class, &socket_class_definition)) {
    close(fd);
    return JS_ThrowOutOfMemory(context);
  }
  JSValue object = JS_NewObjectProtoClass(context, JS_NULL, socket_class);
  struct socket *socket = JS_IsException(object) ? NULL : js_mallocz(context, sizeof *socket);
  if (!socket) {
    close(fd);
    JS_FreeValue(context, object);
    return JS_EXCEPTION;
  }
  socket->fd = fd;
  socket->reading.wait = (struct loop_wait){.fd = fd, .events = POLLIN, .wake = transfer_wake};
  socket->writing.wait = (struct loop_wait){.fd = fd, .events = POLLOUT, .wake = transfer_wake};
  JS_SetOpaque(object, socket);
  return object;
}

static bool is_reading(const struct transfer *transfer) { return transfer->wait.events == POLLIN; }

/* Ends a transfer that is out of the loop. Takes the value, which is the error where `call` is its reject. */
static void transfer_settle(JSContext *context, struct transfer *transfer, bool failed, JSValue value) {
  struct transfer ended = *transfer;
  JS_FreeValue(context, JS_Call(context, failed ? ended.reject : ended.resolve, JS_UNDEFINED, 1, (JSValueConst *)&value));
  JS_FreeValue(context, value);
  JS_FreeValue(context, ended.buffer);
  JS_FreeValue(context, ended.resolve);
  JS_FreeValue(context, ended.reject);
  /* Last, since the transfer itself may go with its socket. */
  JS_FreeValue(context, ended.socket);
}

static void transfer_fail(JSContext *context, struct transfer *transfer, int saved_errno) {
  JSValue error = new_system_error(context, is_reading(transfer) ? "read" : "write", NULL, saved_errno);
  if (JS_IsException(error)) error = JS_GetException(context);
  transfer_settle(context, transfer, true, error);
}

/* One try: bytes moved, or -1 with errno. */
static ssize_t move_bytes(int fd, bool reading, uint8_t *bytes, size_t count) {
  ssize_t moved;
  do moved = reading ? read(fd, bytes, count) : write(fd, bytes, count);
  while (moved < 0 && errno == EINTR);
  return moved;
}

/* Moves what can be moved now. True: `*result` holds what came of it (bytes, or -1 with errno). */
static bool try_transfer(int fd, bool reading, uint8_t *bytes, size_t count, size_t *moved, ssize_t *result) {
  while (*moved < count) {
    ssize_t step = move_bytes(fd, reading, bytes + *moved, count - *moved);
    if (step < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
    if (step < 0 || reading) {
      *result = step;
      return true;
    }
    *moved += (size_t)step;
  }
  *result = (ssize_t)*moved;
  return true;
}

static JSValue transfer_result(const struct transfer *transfer, ssize_t result) {
  return is_reading(transfer) ? JS_NewInt64(NULL, (int64_t)result) : JS_UNDEFINED;
}

static void transfer_wake(JSContext *context, struct loop_wait *wait, bool ready) {
  struct transfer *transfer = (struct transfer *)wait;
  if (!ready) {
    transfer_fail(context, transfer, ETIMEDOUT);
    return;
  }
  uint8_t *bytes;
  size_t count;
  /* The buffer was JavaScript's meanwhile, which may have shrunk it. */
  if (buffer_whole(context, transfer->buffer, &bytes, &count)) {
    transfer_settle(context, transfer, true, JS_GetException(context));
    return;
  }
  if (transfer->offset > count || transfer->length > count - transfer->offset) {
    transfer_fail(context, transfer, EFAULT);
    return;
  }
  size_t moved = 0;
  ssize_t result;
  if (try_transfer(wait->fd, is_reading(transfer), bytes + transfer->offset, transfer->length, &moved, &result)) {
    if (result < 0)
      transfer_fail(context, transfer, errno);
    else
      transfer_settle(context, transfer, false, transfer_result(transfer, result));
    return;
  }
  transfer->offset += moved;
  transfer->length -= moved;
  if (moved > 0) wait->deadline_ms = loop_deadline_ms(transfer->timeout_ms);
  loop_add(wait);
}

static struct socket *socket_of(JSContext *context, JSValueConst value) {
  struct socket *socket = socket_class ? JS_GetOpaque(value, socket_class) : NULL;
  if (!socket) JS_ThrowTypeError(context, "not a Socket");
  return socket;
}

/* read and write: the arguments are (socket, buffer, offset, length, timeoutMs). */
static JSValue transfer_start(JSContext *context, JSValueConst *argv, bool reading) {
  struct socket *socket = socket_of(context, argv[0]);
  if (!socket) return JS_EXCEPTION;
  uint8_t *bytes;
  size_t count;
  int64_t offset;
  double timeout_ms;
  if (JS_ToInt64(context, &offset, argv[2]) || JS_ToFloat64(context, &timeout_ms, argv[4])) return JS_EXCEPTION;
  if (buffer_window(context, argv[1], argv[2], argv[3], &bytes, &count)) return JS_EXCEPTION;
  if (reading && count == 0) return JS_ThrowRangeError(context, "read: there is no room in the buffer");
  struct transfer *transfer = reading ? &socket->reading : &socket->writing;
  if (transfer->wait.added) return JS_ThrowTypeError(context, "one %s at a time", reading ? "read" : "write");

  size_t moved = 0;
  ssize_t result = -1;
  bool done = true;
  if (socket->fd < 0)
    errno = ECANCELED;
  else
    done = try_transfer(socket->fd, reading, bytes, count, &moved, &result);
  int saved_errno = errno;

  JSValue functions[2];
  JSValue promise = JS_NewPromiseCapability(context, functions);
  if (JS_IsException(promise)) return promise;
  transfer->socket = JS_DupValue(context, argv[0]);
  transfer->buffer = JS_DupValue(context, argv[1]);
  transfer->resolve = functions[0];
  transfer->reject = functions[1];
  transfer->offset = (size_t)offset + moved;
  transfer->length = count - moved;
  transfer->timeout_ms = timeout_ms;
  if (!done) {
    transfer->wait.deadline_ms = loop_deadline_ms(timeout_ms);
    loop_add(&transfer->wait);
  } else if (result < 0) {
    transfer_fail(context, transfer, saved_errno);
  } else {
    transfer_settle(context, transfer, false, transfer_result(transfer, result));
  }
  return promise;
}

static JSValue sockets_read(JSContext *context, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  return transfer_start(context, argv, true);
}

static JSValue sockets_write(JSContext *context, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  return transfer_start(context, argv, false);
}

static JSValue sockets_shutdown(JSContext *context, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  struct socket *socket = socket_of(context, argv[0]);
  if (!socket) return JS_EXCEPTION;
  /* The peer may have gone before us: then there is nobody to tell. */
  if (socket->fd >= 0 && shutdown(socket->fd, SHUT_WR) < 0 && errno != ENOTCONN) {
    int saved_errno = errno;
    return throw_system_error(context, "shutdown", NULL, saved_errno);
  }
  return JS_UNDEFINED;
}

static JSValue sockets_close(JSContext *context, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  struct socket *socket = socket_of(context, argv[0]);
  if (!socket) return JS_EXCEPTION;
  if (socket->fd < 0) return JS_UNDEFINED;
  close(socket->fd);
  socket->fd = -1;
  struct transfer *transfers[] = {&socket->reading, &socket->writing};
  for (size_t i = 0; i < COUNT_OF(transfers); i++) {
    if (!transfers[i]->wait.added) continue;
    loop_remove(&transfers[i]->wait);
    transfer_fail(context, transfers[i], ECANCELED);
  }
  return JS_UNDEFINED;
}

/* A connection that is being made. */
struct connecting {
  struct loop_wait wait;
  JSValue resolve, reject;
  char peer[NI_MAXHOST + 16];
};

/* Ends it: with the socket where `saved_errno` is 0. */
static void connecting_settle(JSContext *context, struct connecting *connecting, int saved_errno) {
  JSValue value;
  if (saved_errno == 0) {
    value = socket_of_descriptor(context, connecting->wait.fd);
  } else {
    if (connecting->wait.fd >= 0) close(connecting->wait.fd);
    value = new_system_error(context, "connect", connecting->peer, saved_errno);
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

/* A socket for this address on its way to be connected: its descriptor, or -1. *failure: 0, EINPROGRESS or the errno. */
static int begin_connect(const struct addrinfo *address, int *failure) {
  int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
  if (fd < 0) {
    *failure = errno;
    return -1;
  }
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  *failure = connect(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
  if (*failure == EINTR) *failure = EINPROGRESS;
  return fd;
}

/* Reads `{ address, port }`; the literal address as the kernel takes it, or NULL with an exception. */
static struct addrinfo *address_from_js(JSContext *context, JSValueConst value, char *peer, size_t peer_size) {
  int64_t port;
  if (get_int64_property(context, value, "port", &port)) return NULL;
  if (port < 1 || port > 65535) {
    JS_ThrowRangeError(context, "connect: no such port");
    return NULL;
  }
  JSValue property = JS_GetPropertyStr(context, value, "address");
  if (JS_IsException(property)) return NULL;
  char *address = bytes_from_js(context, property, NULL);
  JS_FreeValue(context, property);
  if (!address) return NULL;
  char service[8];
  snprintf(service, sizeof service, "%d", (int)port);
  snprintf(peer, peer_size, strchr(address, ':') ? "[%s]:%s" : "%s:%s", address, service);
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *result;
  int status = getaddrinfo(address, service, &hints, &result);
  js_free(context, address);
  if (status == 0) return result;
  throw_system_error(context, "connect", peer, EINVAL);
  return NULL;
}

static JSValue sockets_connect(JSContext *context, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  double timeout_ms;
  if (JS_ToFloat64(context, &timeout_ms, argv[1])) return JS_EXCEPTION;
  struct connecting *connecting = calloc(1, sizeof *connecting);
  if (!connecting) return JS_ThrowOutOfMemory(context);
  struct addrinfo *address = address_from_js(context, argv[0], connecting->peer, sizeof connecting->peer);
  JSValue functions[2], promise = address ? JS_NewPromiseCapability(context, functions) : JS_EXCEPTION;
  if (JS_IsException(promise)) {
    if (address) freeaddrinfo(address);
    free(connecting);
    return promise;
  }
  connecting->resolve = functions[0];
  connecting->reject = functions[1];
  int failure;
  int fd = begin_connect(address, &failure);
  freeaddrinfo(address);
  connecting->wait = (struct loop_wait){
      .fd = fd, .events = POLLOUT, .deadline_ms = loop_deadline_ms(timeout_ms), .wake = connecting_wake};
  if (failure == EINPROGRESS)
    loop_add(&connecting->wait);
  else
    connecting_settle(context, connecting, failure);
  return promise;
}

static const JSCFunctionListEntry sockets_functions[] = {
    JS_CFUNC_DEF("resolve", 2, names_resolve),
    JS_CFUNC_DEF("connect", 2, sockets_connect),
    JS_CFUNC_DEF("read", 5, sockets_read),
    JS_CFUNC_DEF("write", 5, sockets_write),
    JS_CFUNC_DEF("shutdown", 1, sockets_shutdown),
    JS_CFUNC_DEF("close", 1, sockets_close),
};

MODULE(sockets, sockets_functions)
