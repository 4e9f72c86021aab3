/*
 * How our C is spelled where it meets QuickJS: the arguments of a function that JavaScript calls, and
 * parameters that a foreign signature makes us take but not use.
 */
#ifndef NATIVE_H
#define NATIVE_H

#include <stddef.h>

#include "quickjs.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Before a parameter that the caller's signature demands and this function has no use for. */
#define UNUSED __attribute__((unused))

/*
 * The head of a function that JavaScript calls. Its parameters are `context`, `self`,
 * `argument_count` and `arguments`; the table's count of arguments is there however few were given.
 */
#define NATIVE(name)                                                                           \
  JSValue name(UNUSED JSContext *context, UNUSED JSValueConst self, UNUSED int argument_count, \
               UNUSED JSValueConst *arguments)

/* The same for an entry of JS_CFUNC_MAGIC_DEF, whose number comes as `parameter`. */
#define NATIVE_WITH(name, parameter)                                                           \
  JSValue name(UNUSED JSContext *context, UNUSED JSValueConst self, UNUSED int argument_count, \
               UNUSED JSValueConst *arguments, int parameter)

#endif
