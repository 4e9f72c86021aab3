/*
 * What every native module is made with: a table of functions, and one macro that registers it. A
 * module's C file includes this, keeps everything static, and ends in MODULE(name, functions).
 */
#ifndef MODULE_H
#define MODULE_H

#include "native.h"
#include "values.h"

/* Defines `int module_NAME_register(JSContext *)`, which modules.c lists: `native:NAME` with this table. */
#define MODULE(name, functions) MODULE_WITH(name, functions, NULL)

/* The same, with `prepare(context, module)` called when the module is first imported: registers classes. */
#define MODULE_WITH(name, functions, prepare) MODULE_WITH_VALUE(name, functions, prepare, NULL)

/* The same, with one export more, whose value `prepare` sets with JS_SetModuleExport. */
#define MODULE_WITH_VALUE(name, functions, prepare, value_name) \
  MODULE_CALLED(name, "native:" #name, functions, prepare, value_name)

/* The same, called by a name in JavaScript that is no identifier of C. */
#define MODULE_CALLED(identifier, name, functions, prepare, value_name)                         \
  int module_##identifier##_register(JSContext *context);                                       \
  int module_##identifier##_register(JSContext *context) {                                      \
    return module_register(context, name, functions, COUNT_OF(functions), prepare, value_name); \
  }

typedef int ModulePrepare(JSContext *context, JSModuleDef *module);

int module_register(JSContext *context, const char *name, const JSCFunctionListEntry *functions,
                    size_t count, ModulePrepare *prepare, const char *value_name);

/*
 * A class of objects that hold something of C's: makes its id once, and tells the runtime once. For a
 * module's `prepare`. Returns -1 with an exception.
 */
int class_register(JSContext *context, JSClassID *id, const JSClassDef *definition);

#endif
