/* Addresses between JavaScript's `{ family, address, port }` and the kernel's. */
#ifndef ADDRESSES_H
#define ADDRESSES_H

#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "values.h"

/* The text of an address for messages: `host:port`, `[v6]:port`. */
#define PEER_LENGTH_MAX (NI_MAXHOST + 16)

struct socket_address {
  union {
    struct sockaddr any;
    struct sockaddr_storage storage;
    struct sockaddr_un path;
  };
  socklen_t length;
  char name[PEER_LENGTH_MAX]; /* For messages. */
};

/* `{ family, address, port }` of an IPv4 or IPv6 address; JS_UNDEFINED for any other. */
JSValue address_to_js(JSContext *context, const struct sockaddr *address, socklen_t length);

/* A literal address and port 0 to 65535. Throws a SystemError EINVAL of `call`; -1 then. */
int address_of_literal(JSContext *context, const char *call, const char *literal, int64_t port,
                       struct socket_address *address);

/* Reads `{ address, port }`; -1 with an exception. */
int address_from_js(JSContext *context, const char *call, JSValueConst value,
                    struct socket_address *address);

/* The address of a unix socket at the path; -1 with an exception. */
int address_of_path(JSContext *context, const char *call, JSValueConst path,
                    struct socket_address *address);

/* The port that a socket is bound to; 0 where it has none. -1 with errno. */
int bound_port(int fd);

#endif
