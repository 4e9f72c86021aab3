/*
 * Listening sockets: TCP, and unix streams that only their owner may connect to. One accept waits at
 * a time; the kernel's backlog holds whoever comes in the meantime.
 */
#include "listeners.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "addresses.h"
#include "loop.h"
#include "module.h"
#include "socket.h"

struct listener {
  struct loop_wait wait; /* The accept that waits; its fd is -1 once closed. */
  JSValue self, resolve, reject;
  char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* Of a unix socket; else empty. */
};

static JSClassID listener_class;

static void listener_shut(struct listener *listener) {
  if (listener->wait.fd < 0) return;
  /* The file first: a server that finds it gone makes a new one, and one that finds it dead replaces it. */
  if (listener->path[0]) unlink(listener->path);
  close(listener->wait.fd);
  listener->wait.fd = -1;
}

static void listener_finalize(JSRuntime *runtime, JSValue value) {
  struct listener *listener = JS_GetOpaque(value, listener_class);
  if (!listener) return;
  listener_shut(listener);
  js_free_rt(runtime, listener);
}

int listeners_prepare(JSContext *context) {
  static const JSClassDef definition = {"Listener", .finalizer = listener_finalize};
  return class_register(context, &listener_class, &definition);
}

int listeners_descriptor(JSValueConst value) {
  struct listener *listener = JS_GetOpaque(value, listener_class);
  return listener ? listener->wait.fd : NOT_OURS;
}

static struct listener *listener_of(JSContext *context, JSValueConst value) {
  struct listener *listener = JS_GetOpaque(value, listener_class);
  if (!listener) JS_ThrowTypeError(context, "not a Listener");
  return listener;
}

/* True if the file is a socket at which nobody listens any more. */
static bool is_stale(const struct socket_address *address) {
  struct stat found;
  if (lstat(address->path.sun_path, &found) < 0 || !S_ISSOCK(found.st_mode)) return false;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  bool refused = connect(fd, &address->any, address->length) < 0 && errno == ECONNREFUSED;
  close(fd);
  return refused;
}

/* 0, or -1 with errno. */
static int bind_to(int fd, const struct socket_address *address) {
  if (address->any.sa_family != AF_UNIX) {
    int on = 1, off = 0;
    /* A restarted server need not wait for the kernel to forget its old connections. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->any.sa_family == AF_INET6) {
      setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    return bind(fd, &address->any, address->length);
  }
  mode_t before = umask(0177);
  int bound = bind(fd, &address->any, address->length);
  if (bound < 0 && errno == EADDRINUSE) {
    if (is_stale(address) && unlink(address->path.sun_path) == 0) {
      bound = bind(fd, &address->any, address->length);
    } else errno = EADDRINUSE;
  }
  umask(before);
  return bound;
}

/* Takes the descriptor, even if it fails. */
static JSValue listener_to_js(JSContext *context, int fd, const struct socket_address *address) {
  JSValue object = JS_NewObjectProtoClass(context, JS_NULL, listener_class);
  struct listener *listener = JS_IsException(object) ? NULL : js_mallocz(context, sizeof *listener);
  if (!listener) {
    close(fd);
    JS_FreeValue(context, object);
    return JS_EXCEPTION;
  }
  listener->wait.fd = fd;
  listener->wait.events = POLLIN;
  listener->wait.deadline_ms = LOOP_FOREVER;
  if (address->any.sa_family == AF_UNIX) strcpy(listener->path, address->path.sun_path);
  JS_SetOpaque(object, listener);
  return object;
}

/* Reads `{ host, port }` or `{ path }`; -1 with an exception. */
static int read_place(JSContext *context, JSValueConst place, struct socket_address *address) {
  JSValue path = JS_GetPropertyStr(context, place, "path");
  if (JS_IsException(path)) return -1;
  if (!JS_IsUndefined(path)) {
    int failed = address_of_path(context, "listen", path, address);
    JS_FreeValue(context, path);
    return failed;
  }
  int64_t port;
  if (get_int64_property(context, place, "port", &port)) return -1;
  char *host = get_bytes_property(context, place, "host");
  if (!host) return -1;
  int failed = address_of_literal(context, "listen", host, port, address);
  js_free(context, host);
  return failed;
}

NATIVE(listeners_listen) {
  struct socket_address address;
  int32_t backlog;
  if (read_place(context, arguments[0], &address) || JS_ToInt32(context, &backlog, arguments[1])) {
    return JS_EXCEPTION;
  }
  int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || bind_to(fd, &address) < 0 || listen(fd, backlog) < 0) {
    int saved_errno = errno;
    if (fd >= 0) close(fd);
    return throw_system_error(context, "listen", address.name, saved_errno);
  }
  return listener_to_js(context, fd, &address);
}

/* `{ socket, peer }`. Takes the descriptor. */
static JSValue accepted_to_js(JSContext *context, int fd, const struct sockaddr *peer,
                              socklen_t length) {
  int on = 1;
  if (peer->sa_family != AF_UNIX) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  }
  JSValue socket = socket_of_descriptor(context, fd);
  if (JS_IsException(socket)) return socket;
  JSValue accepted = JS_NewObject(context);
  if (JS_IsException(accepted)) {
    JS_FreeValue(context, socket);
    return accepted;
  }
  JSValue address = address_to_js(context, peer, length);
  int failed = set_property(context, accepted, "socket", socket);
  if (JS_IsException(address) || failed || set_property(context, accepted, "peer", address)) {
    JS_FreeValue(context, accepted);
    return JS_EXCEPTION;
  }
  return accepted;
}

/* A connection that died in the queue, or an error of the network below, is not the listener's failure. */
static bool is_passing(int saved_errno) {
  switch (saved_errno) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET: return true;
    default: return false;
  }
}

/* Ends the accept. Takes the value. */
static void accept_settle(JSContext *context, struct listener *listener, JSValue value,
                          bool failed) {
  if (JS_IsException(value)) {
    value = JS_GetException(context);
    failed = true;
  }
  JSValue self = listener->self, resolve = listener->resolve, reject = listener->reject;
  JS_FreeValue(context, JS_Call(context, failed ? reject : resolve, JS_UNDEFINED, 1,
                                (JSValueConst *)&value));
  JS_FreeValue(context, value);
  JS_FreeValue(context, resolve);
  JS_FreeValue(context, reject);
  /* Last, because the listener itself may go with it. */
  JS_FreeValue(context, self);
}

static void accept_now(JSContext *context, struct listener *listener) {
  struct sockaddr_storage peer;
  socklen_t length;
  int fd;
  do {
    length = sizeof peer;
    fd =
        accept4(listener->wait.fd, (struct sockaddr *)&peer, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
  } while (fd < 0 && is_passing(errno));
  int saved_errno = errno;
  if (fd >= 0) {
    accept_settle(context, listener, accepted_to_js(context, fd, (struct sockaddr *)&peer, length),
                  false);
  } else if (saved_errno == EAGAIN || saved_errno == EWOULDBLOCK) loop_add(&listener->wait);
  else {
    accept_settle(context, listener, new_system_error(context, "accept", NULL, saved_errno), true);
  }
}

static void accept_wake(JSContext *context, struct loop_wait *wait, UNUSED bool ready) {
  accept_now(context, (struct listener *)wait);
}

NATIVE(listeners_accept) {
  struct listener *listener = listener_of(context, arguments[0]);
  if (!listener) return JS_EXCEPTION;
  if (listener->wait.added) return JS_ThrowTypeError(context, "one accept at a time");
  JSValue functions[2], promise = JS_NewPromiseCapability(context, functions);
  if (JS_IsException(promise)) return promise;
  listener->self = JS_DupValue(context, arguments[0]);
  listener->resolve = functions[0];
  listener->reject = functions[1];
  listener->wait.wake = accept_wake;
  if (listener->wait.fd < 0) {
    accept_settle(context, listener, new_system_error(context, "accept", NULL, ECANCELED), true);
  } else accept_now(context, listener);
  return promise;
}

NATIVE(listeners_close) {
  struct listener *listener = listener_of(context, arguments[0]);
  if (!listener) return JS_EXCEPTION;
  bool waits = listener->wait.added;
  loop_remove(&listener->wait);
  listener_shut(listener);
  if (waits) {
    accept_settle(context, listener, new_system_error(context, "accept", NULL, ECANCELED), true);
  }
  return JS_UNDEFINED;
}
