/* Tells QuickJS of native modules and of classes; see module.h. */
#include "module.h"

#include <stdlib.h>
#include <string.h>

struct module_table {
  const JSCFunctionListEntry *functions;
  size_t count;
  ModulePrepare *prepare;
  const char *name;
};

#define MODULES_MAX 16
static struct module_table tables[MODULES_MAX];
static size_t table_count;

static int module_init(JSContext *context, JSModuleDef *module) {
  JSAtom atom = JS_GetModuleName(context, module);
  const char *name = JS_AtomToCString(context, atom);
  JS_FreeAtom(context, atom);
  if (!name) return -1;
  int result = -1;
  for (size_t i = 0; i < table_count; i++) {
    if (strcmp(tables[i].name, name) != 0) continue;
    result = JS_SetModuleExportList(context, module, tables[i].functions, (int)tables[i].count);
    if (result == 0 && tables[i].prepare) result = tables[i].prepare(context, module);
    break;
  }
  JS_FreeCString(context, name);
  return result;
}

int module_register(JSContext *context, const char *name, const JSCFunctionListEntry *functions,
                    size_t count, ModulePrepare *prepare, const char *value_name) {
  if (table_count == MODULES_MAX) abort();
  tables[table_count++] = (struct module_table){functions, count, prepare, name};
  JSModuleDef *module = JS_NewCModule(context, name, module_init);
  if (!module) return -1;
  if (value_name && JS_AddModuleExport(context, module, value_name)) return -1;
  return JS_AddModuleExportList(context, module, functions, (int)count);
}

int class_register(JSContext *context, JSClassID *id, const JSClassDef *definition) {
  JSRuntime *runtime = JS_GetRuntime(context);
  JS_NewClassID(id);
  if (JS_IsRegisteredClass(runtime, *id) || JS_NewClass(runtime, *id, definition) == 0) return 0;
  JS_ThrowOutOfMemory(context);
  return -1;
}
