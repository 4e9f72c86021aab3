/* JavaScript's values and ours: errors to throw, byte strings, buffers, and the properties of objects. */
#ifndef VALUES_H
#define VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "native.h"

/*
 * Throws `{ name: 'SystemError', call, path, code, errno }`, message `call "path": strerror (CODE)`.
 * `saved_errno` is errno as it was right after the call; `path` may be NULL (it may hold any bytes).
 */
JSValue throw_system_error(JSContext *context, const char *call, const char *path, int saved_errno);

/* The same Error object, not thrown: to reject a promise with. */
JSValue new_system_error(JSContext *context, const char *call, const char *path, int saved_errno);

/* The same with a code and words of its own, for a failure without an errno (an unknown host name). */
JSValue new_coded_error(JSContext *context, const char *call, const char *path, const char *code,
                        const char *words, int saved_errno);

/* Throws an Error with this `name` and a formatted message. */
JSValue throw_named_error(JSContext *context, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * The bytes of a byte string (one UTF-16 unit a byte), NUL-terminated, or NULL with an exception
 * (a unit above 0xff, or a NUL inside). Release with js_free(context, bytes).
 */
char *bytes_from_js(JSContext *context, JSValueConst value, size_t *length);

/* A byte string from bytes. */
JSValue bytes_to_js(JSContext *context, const char *bytes, size_t length);

/*
 * A window into a Uint8Array argument: sets *bytes to its first byte and checks that
 * offset + length stays inside it. Valid until JavaScript runs again. Returns -1 with an exception.
 */
int buffer_window(JSContext *context, JSValueConst array, JSValueConst offset, JSValueConst length,
                  uint8_t **bytes, size_t *count);

/* The whole of a Uint8Array. */
int buffer_whole(JSContext *context, JSValueConst array, uint8_t **bytes, size_t *count);

/* A new Uint8Array that holds a copy of the bytes. */
JSValue buffer_new(JSContext *context, const void *bytes, size_t count);

/* A property as the bytes of a byte string; as bytes_from_js. */
char *get_bytes_property(JSContext *context, JSValueConst object, const char *name);

/* A property as int64 (numbers up to 2^53). Returns -1 with an exception if it is missing or not an integer. */
int get_int64_property(JSContext *context, JSValueConst object, const char *name, int64_t *result);

/* Sets a property; for building result objects. Takes ownership of `value`. Returns -1 with an exception. */
int set_property(JSContext *context, JSValueConst object, const char *name, JSValue value);

/* A property as a boolean by JavaScript's rules, so a missing one is false. Returns -1 with an exception. */
int get_bool_property(JSContext *context, JSValueConst object, const char *name, bool *result);

#endif
