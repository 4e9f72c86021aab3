/*
 * Host names to addresses. The C library's resolver blocks, for many seconds over a bad network, so
 * each look-up is a thread of its own, which never sees JavaScript: it gets a name, leaves a result,
 * and says through a pipe that it is done.
 */
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addresses.h"
#include "loop.h"
#include "module.h"

/* RFC 1035's longest name is 255 bytes. */
#define HOST_LENGTH_MAX 255
/* More addresses of one name than this are not worth trying. */
#define ADDRESSES_MAX 64
/* The resolvers of musl and glibc keep some 10 KiB of buffers on the stack (bytes). */
#define THREAD_STACK_SIZE (256 * 1024)

struct lookup {
  struct loop_wait wait;
  JSValue resolve, reject;
  pthread_t thread;
  int done_fd;
  char host[HOST_LENGTH_MAX + 1];
  char service[8];
  struct addrinfo *result;
  int status, saved_errno;
};

static void look_up(struct lookup *lookup, int flags) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | flags};
  lookup->status = getaddrinfo(lookup->host, lookup->service, &hints, &lookup->result);
  lookup->saved_errno = errno;
}

static void *lookup_thread(void *opaque) {
  struct lookup *lookup = opaque;
  look_up(lookup, 0);
  ssize_t written;
  do written = write(lookup->done_fd, "", 1);
  while (written < 0 && errno == EINTR);
  return NULL;
}

static JSValue addresses_to_js(JSContext *context, const struct lookup *lookup) {
  JSValue addresses = JS_NewArray(context);
  if (JS_IsException(addresses)) return addresses;
  uint32_t count = 0;
  for (const struct addrinfo *found = lookup->result; found && count < ADDRESSES_MAX;
       found = found->ai_next) {
    if (found->ai_family != AF_INET && found->ai_family != AF_INET6) continue;
    JSValue address = address_to_js(context, found->ai_addr, found->ai_addrlen);
    if (JS_IsUndefined(address)) continue;
    if (JS_IsException(address) ||
        JS_DefinePropertyValueUint32(context, addresses, count++, address, JS_PROP_C_W_E) < 0) {
      JS_FreeValue(context, addresses);
      return JS_EXCEPTION;
    }
  }
  return addresses;
}

static JSValue lookup_error(JSContext *context, const struct lookup *lookup) {
  const char *words = gai_strerror(lookup->status);
  switch (lookup->status) {
    case EAI_SYSTEM: return new_system_error(context, "resolve", lookup->host, lookup->saved_errno);
    case EAI_MEMORY: return new_system_error(context, "resolve", lookup->host, ENOMEM);
    case EAI_AGAIN:
    case EAI_FAIL: /* A name server that fails now may answer later. */
      return new_coded_error(context, "resolve", lookup->host, "EAGAIN", words, EAGAIN);
    default: return new_coded_error(context, "resolve", lookup->host, "ENOTFOUND", words, ENOENT);
  }
}

/* Settles the promise with what was found, and ends the look-up. */
static void lookup_settle(JSContext *context, struct lookup *lookup) {
  bool failed = lookup->status != 0;
  JSValue value = failed ? lookup_error(context, lookup) : addresses_to_js(context, lookup);
  if (JS_IsException(value)) {
    failed = true;
    value = JS_GetException(context);
  }
  JSValue function = failed ? lookup->reject : lookup->resolve;
  JS_FreeValue(context, JS_Call(context, function, JS_UNDEFINED, 1, (JSValueConst *)&value));
  JS_FreeValue(context, value);
  JS_FreeValue(context, lookup->resolve);
  JS_FreeValue(context, lookup->reject);
  if (lookup->result) freeaddrinfo(lookup->result);
  free(lookup);
}

static void lookup_wake(JSContext *context, struct loop_wait *wait, UNUSED bool ready) {
  struct lookup *lookup = (struct lookup *)wait;
  pthread_join(lookup->thread, NULL);
  close(wait->fd);
  close(lookup->done_fd);
  lookup_settle(context, lookup);
}

/* 0, or the errno. */
static int start_thread(struct lookup *lookup) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC)) return errno;
  lookup->wait = (struct loop_wait){
      .fd = ends[0], .events = POLLIN, .deadline_ms = LOOP_FOREVER, .wake = lookup_wake};
  lookup->done_fd = ends[1];
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, THREAD_STACK_SIZE);
  int failure = pthread_create(&lookup->thread, &attributes, lookup_thread, lookup);
  pthread_attr_destroy(&attributes);
  if (failure) {
    close(ends[0]);
    close(ends[1]);
  }
  return failure;
}

NATIVE(names_resolve) {
  int64_t port;
  size_t length;
  if (JS_ToInt64(context, &port, arguments[1])) return JS_EXCEPTION;
  if (port < 1 || port > 65535) return JS_ThrowRangeError(context, "resolve: no such port");
  char *host = bytes_from_js(context, arguments[0], &length);
  if (!host) return JS_EXCEPTION;
  struct lookup *lookup = length <= HOST_LENGTH_MAX ? calloc(1, sizeof *lookup) : NULL;
  if (lookup) memcpy(lookup->host, host, length + 1);
  js_free(context, host);
  if (!lookup) {
    return length > HOST_LENGTH_MAX
               ? JS_ThrowRangeError(context, "resolve: the name is longer than any can be")
               : JS_ThrowOutOfMemory(context);
  }
  snprintf(lookup->service, sizeof lookup->service, "%d", (int)port);
  JSValue functions[2], promise = JS_NewPromiseCapability(context, functions);
  if (JS_IsException(promise)) {
    free(lookup);
    return promise;
  }
  lookup->resolve = functions[0];
  lookup->reject = functions[1];
  /* A literal address needs no look-up. */
  look_up(lookup, AI_NUMERICHOST);
  if (lookup->status != 0) {
    int failure = start_thread(lookup);
    if (failure == 0) {
      loop_add(&lookup->wait);
      return promise;
    }
    lookup->status = EAI_SYSTEM;
    lookup->saved_errno = failure;
  }
  lookup_settle(context, lookup);
  return promise;
}
