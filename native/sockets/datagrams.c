/*
 * UDP sockets: to one address, to a broadcast address, to a multicast group. One receive and one send
 * may wait at a time; the kernel's buffer holds, or drops, what comes in the meantime.
 */
#include "datagrams.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addresses.h"
#include "groups.h"
#include "listeners.h"
#include "loop.h"
#include "module.h"

/* A full send buffer of the kernel drains at the speed of the network card. */
#define SEND_TIMEOUT_MS 10000
/* Nobody means to hear more groups than this. */
#define GROUPS_MAX 16

/* One direction: the call that waits. It keeps its datagram socket alive. */
struct crossing {
  struct loop_wait wait;
  JSValue self, buffer, resolve, reject;
  size_t offset, length;
  struct socket_address to; /* Of a send. */
};

struct datagram {
  int fd; /* -1 once closed. */
  struct crossing receiving, sending;
};

static JSClassID datagram_class;

static void datagram_finalize(JSRuntime *runtime, JSValue value) {
  struct datagram *datagram = JS_GetOpaque(value, datagram_class);
  if (!datagram) return;
  if (datagram->fd >= 0) close(datagram->fd);
  js_free_rt(runtime, datagram);
}

int datagrams_prepare(JSContext *context) {
  static const JSClassDef definition = {"Datagram", .finalizer = datagram_finalize};
  return class_register(context, &datagram_class, &definition);
}

int datagrams_descriptor(JSValueConst value) {
  struct datagram *datagram = JS_GetOpaque(value, datagram_class);
  return datagram ? datagram->fd : NOT_OURS;
}

static struct datagram *datagram_of(JSContext *context, JSValueConst value) {
  struct datagram *datagram = JS_GetOpaque(value, datagram_class);
  if (!datagram) JS_ThrowTypeError(context, "not a Datagram");
  return datagram;
}

static bool is_receiving(const struct crossing *crossing) {
  return crossing->wait.events == POLLIN;
}

/* Takes it out of the loop and ends it. Takes the value. */
static void crossing_settle(JSContext *context, struct crossing *crossing, JSValue value,
                            bool failed) {
  if (JS_IsException(value)) {
    value = JS_GetException(context);
    failed = true;
  }
  JSValue self = crossing->self, buffer = crossing->buffer;
  JSValue resolve = crossing->resolve, reject = crossing->reject;
  JS_FreeValue(context, JS_Call(context, failed ? reject : resolve, JS_UNDEFINED, 1,
                                (JSValueConst *)&value));
  JS_FreeValue(context, value);
  JS_FreeValue(context, buffer);
  JS_FreeValue(context, resolve);
  JS_FreeValue(context, reject);
  /* Last, since the crossing itself may go with it. */
  JS_FreeValue(context, self);
}

static void crossing_fail(JSContext *context, struct crossing *crossing, int saved_errno) {
  bool receiving = is_receiving(crossing);
  const char *path = receiving ? NULL : crossing->to.name;
  crossing_settle(context, crossing,
                  new_system_error(context, receiving ? "receive" : "send", path, saved_errno),
                  true);
}

/* `{ length, from }` */
static JSValue received_to_js(JSContext *context, ssize_t length, const struct sockaddr *from,
                              socklen_t from_length) {
  JSValue received = JS_NewObject(context);
  if (JS_IsException(received)) return received;
  JSValue address = address_to_js(context, from, from_length);
  if (JS_IsException(address) || set_property(context, received, "from", address) ||
      set_property(context, received, "length", JS_NewInt64(context, length))) {
    JS_FreeValue(context, received);
    return JS_EXCEPTION;
  }
  return received;
}

/* Tries it now; waits if the kernel would block. */
static void crossing_try(JSContext *context, struct crossing *crossing, int fd) {
  uint8_t *bytes;
  size_t count;
  /* JavaScript had the buffer in the meantime, and may have shrunk it. */
  if (buffer_whole(context, crossing->buffer, &bytes, &count)) {
    crossing_settle(context, crossing, JS_EXCEPTION, true);
    return;
  }
  if (crossing->offset > count || crossing->length > count - crossing->offset) {
    crossing_fail(context, crossing, EFAULT);
    return;
  }
  struct sockaddr_storage from;
  socklen_t from_length;
  ssize_t moved;
  do {
    from_length = sizeof from;
    moved = is_receiving(crossing) ? recvfrom(fd, bytes + crossing->offset, crossing->length,
                                              MSG_TRUNC, (struct sockaddr *)&from, &from_length)
                                   : sendto(fd, bytes + crossing->offset, crossing->length,
                                            MSG_NOSIGNAL, &crossing->to.any, crossing->to.length);
  } while (moved < 0 && errno == EINTR);
  int saved_errno = errno;
  if (moved < 0 && (saved_errno == EAGAIN || saved_errno == EWOULDBLOCK)) loop_add(&crossing->wait);
  else if (moved < 0) crossing_fail(context, crossing, saved_errno);
  else {
    crossing_settle(context, crossing,
                    is_receiving(crossing)
                        ? received_to_js(context, moved, (struct sockaddr *)&from, from_length)
                        : JS_UNDEFINED,
                    false);
  }
}

static void crossing_wake(JSContext *context, struct loop_wait *wait, bool ready) {
  struct crossing *crossing = (struct crossing *)wait;
  if (ready) crossing_try(context, crossing, wait->fd);
  else crossing_fail(context, crossing, ETIMEDOUT);
}

static JSValue crossing_start(JSContext *context, struct crossing *crossing, JSValueConst self,
                              JSValueConst buffer, double timeout_ms) {
  JSValue functions[2], promise = JS_NewPromiseCapability(context, functions);
  if (JS_IsException(promise)) return promise;
  crossing->self = JS_DupValue(context, self);
  crossing->buffer = JS_DupValue(context, buffer);
  crossing->resolve = functions[0];
  crossing->reject = functions[1];
  crossing->wait.deadline_ms = loop_deadline_ms(timeout_ms);
  int fd = datagrams_descriptor(self);
  if (fd < 0) crossing_fail(context, crossing, ECANCELED);
  else crossing_try(context, crossing, fd);
  return promise;
}

/* Takes the descriptor, even if it fails. */
static JSValue datagram_to_js(JSContext *context, int fd) {
  JSValue object = JS_NewObjectProtoClass(context, JS_NULL, datagram_class);
  struct datagram *datagram = JS_IsException(object) ? NULL : js_mallocz(context, sizeof *datagram);
  if (!datagram) {
    close(fd);
    JS_FreeValue(context, object);
    return JS_EXCEPTION;
  }
  datagram->fd = fd;
  datagram->receiving.wait = (struct loop_wait){.fd = fd, .events = POLLIN, .wake = crossing_wake};
  datagram->sending.wait = (struct loop_wait){.fd = fd, .events = POLLOUT, .wake = crossing_wake};
  JS_SetOpaque(object, datagram);
  return object;
}

struct datagram_options {
  struct socket_address address, groups[GROUPS_MAX];
  uint32_t group_count;
  bool broadcast;
  unsigned interface_index;
};

/* -1 with an exception. */
static int read_groups(JSContext *context, JSValueConst value, struct datagram_options *options) {
  JSValue groups = JS_GetPropertyStr(context, value, "groups");
  int64_t count;
  int failed = get_int64_property(context, groups, "length", &count);
  if (!failed && (count < 0 || count > GROUPS_MAX)) {
    JS_ThrowRangeError(context, "openDatagram: too many groups");
    failed = -1;
  }
  for (uint32_t i = 0; !failed && i < count; i++) {
    JSValue group = JS_GetPropertyUint32(context, groups, i);
    char *literal = JS_IsException(group) ? NULL : bytes_from_js(context, group, NULL);
    JS_FreeValue(context, group);
    failed =
        literal ? address_of_literal(context, "openDatagram", literal, 0, &options->groups[i]) : -1;
    js_free(context, literal);
  }
  JS_FreeValue(context, groups);
  options->group_count = failed ? 0 : (uint32_t)count;
  return failed;
}

/* The index of the interface, if one is named. -1 with an exception. */
static int read_interface(JSContext *context, JSValueConst value,
                          struct datagram_options *options) {
  JSValue property = JS_GetPropertyStr(context, value, "interface");
  if (JS_IsException(property)) return -1;
  if (JS_IsUndefined(property)) return 0;
  char *name = bytes_from_js(context, property, NULL);
  JS_FreeValue(context, property);
  if (!name) return -1;
  options->interface_index = if_nametoindex(name);
  int saved_errno = errno;
  if (options->interface_index == 0) throw_system_error(context, "openDatagram", name, saved_errno);
  js_free(context, name);
  return options->interface_index == 0 ? -1 : 0;
}

/* -1 with an exception. */
static int read_options(JSContext *context, JSValueConst value, struct datagram_options *options) {
  int64_t port, family;
  if (get_int64_property(context, value, "port", &port) ||
      get_int64_property(context, value, "family", &family) ||
      get_bool_property(context, value, "broadcast", &options->broadcast)) {
    return -1;
  }
  char *host = get_bytes_property(context, value, "host");
  if (!host) return -1;
  int failed = address_of_literal(context, "openDatagram", host, port, &options->address);
  js_free(context, host);
  if (!failed && options->address.any.sa_family != (family == 6 ? AF_INET6 : AF_INET)) {
    throw_system_error(context, "openDatagram", options->address.name, EAFNOSUPPORT);
    return -1;
  }
  return failed || read_groups(context, value, options) || read_interface(context, value, options)
             ? -1
             : 0;
}

/* 0, or -1 with errno. */
static int set_up(int fd, const struct datagram_options *options) {
  int on = 1, family = options->address.any.sa_family;
  if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) {
    return -1;
  }
  if (options->broadcast && setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on) < 0) return -1;
  if (options->group_count > 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) {
    return -1;
  }
  if (bind(fd, &options->address.any, options->address.length) < 0) return -1;
  if (options->interface_index != 0 && group_send_by(fd, family, options->interface_index) < 0) {
    return -1;
  }
  for (uint32_t i = 0; i < options->group_count; i++)
    if (group_join(fd, &options->groups[i], options->interface_index) < 0) return -1;
  return 0;
}

NATIVE(datagrams_open) {
  struct datagram_options options = {.group_count = 0};
  if (read_options(context, arguments[0], &options)) return JS_EXCEPTION;
  int fd = socket(options.address.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || set_up(fd, &options) < 0) {
    int saved_errno = errno;
    if (fd >= 0) close(fd);
    return throw_system_error(context, "openDatagram", options.address.name, saved_errno);
  }
  return datagram_to_js(context, fd);
}

NATIVE(datagrams_send) {
  struct datagram *datagram = datagram_of(context, arguments[0]);
  if (!datagram) return JS_EXCEPTION;
  struct crossing *sending = &datagram->sending;
  if (sending->wait.added) return JS_ThrowTypeError(context, "one send at a time");
  uint8_t *bytes;
  int64_t offset;
  if (address_from_js(context, "send", arguments[1], &sending->to)) return JS_EXCEPTION;
  if (JS_ToInt64(context, &offset, arguments[3])) return JS_EXCEPTION;
  if (buffer_window(context, arguments[2], arguments[3], arguments[4], &bytes, &sending->length)) {
    return JS_EXCEPTION;
  }
  sending->offset = (size_t)offset;
  return crossing_start(context, sending, arguments[0], arguments[2], SEND_TIMEOUT_MS);
}

NATIVE(datagrams_receive) {
  struct datagram *datagram = datagram_of(context, arguments[0]);
  if (!datagram) return JS_EXCEPTION;
  struct crossing *receiving = &datagram->receiving;
  if (receiving->wait.added) return JS_ThrowTypeError(context, "one receive at a time");
  uint8_t *bytes;
  double timeout_ms;
  if (buffer_whole(context, arguments[1], &bytes, &receiving->length)) return JS_EXCEPTION;
  if (JS_ToFloat64(context, &timeout_ms, arguments[2])) return JS_EXCEPTION;
  receiving->offset = 0;
  return crossing_start(context, receiving, arguments[0], arguments[1], timeout_ms);
}

NATIVE(datagrams_close) {
  struct datagram *datagram = datagram_of(context, arguments[0]);
  if (!datagram) return JS_EXCEPTION;
  if (datagram->fd < 0) return JS_UNDEFINED;
  close(datagram->fd);
  datagram->fd = -1;
  struct crossing *crossings[] = {&datagram->receiving, &datagram->sending};
  for (size_t i = 0; i < COUNT_OF(crossings); i++) {
    if (!crossings[i]->wait.added) continue;
    loop_remove(&crossings[i]->wait);
    crossing_fail(context, crossings[i], ECANCELED);
  }
  return JS_UNDEFINED;
}
