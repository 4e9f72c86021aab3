/*
 * What every native module is made with: a table of functions, one macro that registers it, one way
 * to throw, and the conversions of byte strings and buffers. A module's C file includes this, keeps
 * everything static, and ends in MODULE(name, functions).
 */
#ifndef MODULE_H
#define MODULE_H

#include <stddef.h>
#include <stdint.h>

#include "quickjs.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Defines `int module_NAME_register(JSContext *)`, which modules.c lists: `native:NAME` with this table. */
#define MODULE(name, functions) MODULE_WITH(name, functions, NULL)

/* The same, with `prepare(context, module)` called when the module is first imported: registers classes. */
#define MODULE_WITH(name, functions, prepare) MODULE_WITH_VALUE(name, functions, prepare, NULL)

/* The same, with one export more, whose value `prepare` sets with JS_SetModuleExport. */
#define MODULE_WITH_VALUE(name, functions, prepare, value_name)                               \
  int module_##name##_register(JSContext *context);                                           \
  int module_##name##_register(JSContext *context) {                                          \
    return module_register(context, "native:" #name, functions, COUNT_OF(functions), prepare, \
                           value_name);                                                       \
  }

typedef int ModulePrepare(JSContext *context, JSModuleDef *module);

int module_register(JSContext *context, const char *name, const JSCFunctionListEntry *functions,
                    size_t count, ModulePrepare *prepare, const char *value_name);

/*
 * Throws `{ name: 'SystemError', call, path, code, errno }`, message `call "path": strerror (CODE)`.
 * `saved_errno` is errno as it was right after the call; `path` may be NULL (it may hold any bytes).
 */
JSValue throw_system_error(JSContext *context, const char *call, const char *path, int saved_errno);

/* The same Error object, not thrown: to reject a promise with. */
JSValue new_system_error(JSContext *context, const char *call, const char *path, int saved_errno);

/* The same with a code and words of its own, where the failure has no errno (a name that nobody knows). */
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

/* A property as int64 (numbers up to 2^53). Returns -1 with an exception where it is missing or no integer. */
int get_int64_property(JSContext *context, JSValueConst object, const char *name, int64_t *result);

/* Sets a property; for building result objects. Takes ownership of `value`. Returns -1 with an exception. */
int set_property(JSContext *context, JSValueConst object, const char *name, JSValue value);

#endif
