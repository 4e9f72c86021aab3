/*
 * Addresses between JavaScript and the kernel: literals only; names.c looks up names. Nothing here asks
 * anybody on the network.
 */
#include "addresses.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

JSValue address_to_js(JSContext *context, const struct sockaddr *address, socklen_t length) {
  char literal[NI_MAXHOST], service[8];
  if (address->sa_family != AF_INET && address->sa_family != AF_INET6) return JS_UNDEFINED;
  int flags = NI_NUMERICHOST | NI_NUMERICSERV | NI_DGRAM;
  if (getnameinfo(address, length, literal, sizeof literal, service, sizeof service, flags)) {
    return JS_UNDEFINED;
  }
  JSValue value = JS_NewObject(context);
  if (JS_IsException(value)) return value;
  if (set_property(context, value, "family",
                   JS_NewInt32(context, address->sa_family == AF_INET6 ? 6 : 4)) ||
      set_property(context, value, "address", JS_NewString(context, literal)) ||
      set_property(context, value, "port", JS_NewInt32(context, atoi(service)))) {
    JS_FreeValue(context, value);
    return JS_EXCEPTION;
  }
  return value;
}

int address_of_literal(JSContext *context, const char *call, const char *literal, int64_t port,
                       struct socket_address *address) {
  if (port < 0 || port > 65535) {
    JS_ThrowRangeError(context, "%s: no such port", call);
    return -1;
  }
  char service[8];
  snprintf(service, sizeof service, "%d", (int)port);
  snprintf(address->name, sizeof address->name, strchr(literal, ':') ? "[%s]:%s" : "%s:%s", literal,
           service);
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV},
                  *result;
  if (getaddrinfo(literal, service, &hints, &result) != 0) {
    throw_system_error(context, call, address->name, EINVAL);
    return -1;
  }
  memcpy(&address->storage, result->ai_addr, result->ai_addrlen);
  address->length = result->ai_addrlen;
  freeaddrinfo(result);
  return 0;
}

int address_from_js(JSContext *context, const char *call, JSValueConst value,
                    struct socket_address *address) {
  int64_t port;
  if (get_int64_property(context, value, "port", &port)) return -1;
  char *literal = get_bytes_property(context, value, "address");
  if (!literal) return -1;
  int failed = port == 0 ? (JS_ThrowRangeError(context, "%s: no such port", call), -1)
                         : address_of_literal(context, call, literal, port, address);
  js_free(context, literal);
  return failed;
}

int address_of_path(JSContext *context, const char *call, JSValueConst path,
                    struct socket_address *address) {
  size_t length;
  char *bytes = bytes_from_js(context, path, &length);
  if (!bytes) return -1;
  if (length >= sizeof address->path.sun_path) {
    throw_system_error(context, call, bytes, ENAMETOOLONG);
    js_free(context, bytes);
    return -1;
  }
  memset(&address->path, 0, sizeof address->path);
  address->path.sun_family = AF_UNIX;
  memcpy(address->path.sun_path, bytes, length + 1);
  memcpy(address->name, bytes, length + 1);
  address->length = sizeof address->path;
  js_free(context, bytes);
  return 0;
}

int bound_port(int fd) {
  struct sockaddr_storage bound;
  socklen_t length = sizeof bound;
  if (getsockname(fd, (struct sockaddr *)&bound, &length) < 0) return -1;
  if (bound.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)&bound)->sin_port);
  return bound.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&bound)->sin6_port) : 0;
}
