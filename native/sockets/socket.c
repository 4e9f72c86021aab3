/*
 * Streams as promises over the host's loop. Every call tries at once, and waits only if the
 * kernel says that it would block.
 */
#include "socket.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop.h"
#include "module.h"

/* One direction of a socket: the read or the write that waits. It keeps its socket alive. */
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

int socket_prepare(JSContext *context) {
  static const JSClassDef definition = {"Socket", .finalizer = socket_finalize};
  return class_register(context, &socket_class, &definition);
}

static void transfer_wake(JSContext *context, struct loop_wait *wait, bool ready);

JSValue socket_of_descriptor(JSContext *context, int fd) {
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

/* Ends a transfer that is out of the loop. Takes the value, which is the error if it failed. */
static void transfer_settle(JSContext *context, struct transfer *transfer, bool failed,
                            JSValue value) {
  struct transfer ended = *transfer;
  JS_FreeValue(context, JS_Call(context, failed ? ended.reject : ended.resolve, JS_UNDEFINED, 1,
                                (JSValueConst *)&value));
  JS_FreeValue(context, value);
  JS_FreeValue(context, ended.buffer);
  JS_FreeValue(context, ended.resolve);
  JS_FreeValue(context, ended.reject);
  /* Last, because the transfer itself may go with its socket. */
  JS_FreeValue(context, ended.socket);
}

static void transfer_fail(JSContext *context, struct transfer *transfer, int saved_errno) {
  JSValue error =
      new_system_error(context, is_reading(transfer) ? "read" : "write", NULL, saved_errno);
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

/* Moves what can be moved now. True: it is over, and `*result` holds the bytes, or -1 with errno. */
static bool try_transfer(int fd, bool reading, uint8_t *bytes, size_t count, size_t *moved,
                         ssize_t *result) {
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
  /* JavaScript had the buffer in the meantime, and may have shrunk it. */
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
  if (try_transfer(wait->fd, is_reading(transfer), bytes + transfer->offset, transfer->length,
                   &moved, &result)) {
    if (result < 0) transfer_fail(context, transfer, errno);
    else transfer_settle(context, transfer, false, transfer_result(transfer, result));
    return;
  }
  transfer->offset += moved;
  transfer->length -= moved;
  if (moved > 0) wait->deadline_ms = loop_deadline_ms(transfer->timeout_ms);
  loop_add(wait);
}

static struct socket *socket_of(JSContext *context, JSValueConst value) {
  struct socket *socket = JS_GetOpaque(value, socket_class);
  if (!socket) JS_ThrowTypeError(context, "not a Socket");
  return socket;
}

/* read and write: the arguments are (socket, buffer, offset, length, timeoutMs). */
static JSValue transfer_start(JSContext *context, JSValueConst *arguments, bool reading) {
  struct socket *socket = socket_of(context, arguments[0]);
  if (!socket) return JS_EXCEPTION;
  uint8_t *bytes;
  size_t count;
  int64_t offset;
  double timeout_ms;
  if (JS_ToInt64(context, &offset, arguments[2]) ||
      JS_ToFloat64(context, &timeout_ms, arguments[4])) {
    return JS_EXCEPTION;
  }
  if (buffer_window(context, arguments[1], arguments[2], arguments[3], &bytes, &count))
    return JS_EXCEPTION;
  if (reading && count == 0) {
    return JS_ThrowRangeError(context, "read: there is no room in the buffer");
  }
  struct transfer *transfer = reading ? &socket->reading : &socket->writing;
  if (transfer->wait.added) {
    return JS_ThrowTypeError(context, "one %s at a time", reading ? "read" : "write");
  }

  size_t moved = 0;
  ssize_t result = -1;
  bool done = true;
  if (socket->fd < 0) errno = ECANCELED;
  else done = try_transfer(socket->fd, reading, bytes, count, &moved, &result);
  int saved_errno = errno;

  JSValue functions[2];
  JSValue promise = JS_NewPromiseCapability(context, functions);
  if (JS_IsException(promise)) return promise;
  transfer->socket = JS_DupValue(context, arguments[0]);
  transfer->buffer = JS_DupValue(context, arguments[1]);
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

NATIVE(socket_read) { return transfer_start(context, arguments, true); }

NATIVE(socket_write) { return transfer_start(context, arguments, false); }

NATIVE(socket_shutdown) {
  struct socket *socket = socket_of(context, arguments[0]);
  if (!socket) return JS_EXCEPTION;
  /* The peer may already be gone: then there is nobody to tell. */
  if (socket->fd >= 0 && shutdown(socket->fd, SHUT_WR) < 0 && errno != ENOTCONN) {
    int saved_errno = errno;
    return throw_system_error(context, "shutdown", NULL, saved_errno);
  }
  return JS_UNDEFINED;
}

NATIVE(socket_close) {
  struct socket *socket = socket_of(context, arguments[0]);
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
