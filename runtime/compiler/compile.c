/*
 * Compiles a bundle to QuickJS bytecode: `compile BUNDLE.js BYTECODE`. The source text is left out;
 * function names stay, so that `--debug` can show a stack, and line numbers, a third of the bytes, do not. Runs at
 * build time only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../host/native.h"

static _Noreturn void fail(const char *what, const char *path) {
  fprintf(stderr, "compile: %s: ", path);
  perror(what);
  exit(1);
}

static char *read_file(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END)) fail("open", path);
  long size = ftell(file);
  char *text = size < 0 ? NULL : malloc((size_t)size + 1);
  rewind(file);
  if (!text || fread(text, 1, (size_t)size, file) != (size_t)size) fail("read", path);
  fclose(file);
  text[size] = 0;
  *length = (size_t)size;
  return text;
}

static int nothing(UNUSED JSContext *context, UNUSED JSModuleDef *module) { return 0; }

/* Bytecode only names what it imports: an empty module is as good as the host's. */
static JSModuleDef *load_module(JSContext *context, const char *name, UNUSED void *opaque) {
  if (strncmp(name, "native:", 7) == 0) return JS_NewCModule(context, name, nothing);
  JS_ThrowReferenceError(context, "the bundle imports \"%s\", which the host does not have", name);
  return NULL;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fputs("usage: compile BUNDLE.js BYTECODE\n", stderr);
    return 64;
  }
  JSRuntime *runtime = JS_NewRuntime();
  JSContext *context = runtime ? JS_NewContext(runtime) : NULL;
  if (!context) fail("memory", argv[1]);
  JS_SetModuleLoaderFunc(runtime, NULL, load_module, NULL);
  JS_SetStripInfo(runtime, JS_STRIP_DEBUG);
  size_t length;
  char *text = read_file(argv[1], &length);
  const char *name = strrchr(argv[1], '/');
  JSValue bundle = JS_Eval(context, text, length, name ? name + 1 : argv[1],
                           JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
  if (JS_IsException(bundle)) {
    JSValue exception = JS_GetException(context);
    JSValue stack = JS_GetPropertyStr(context, exception, "stack");
    const char *message = JS_ToCString(context, exception), *where = JS_ToCString(context, stack);
    fprintf(stderr, "compile: %s: %s\n%s", argv[1], message ? message : "?", where ? where : "");
    return 1;
  }
  size_t size;
  uint8_t *bytecode = JS_WriteObject(context, &size, bundle, JS_WRITE_OBJ_BYTECODE);
  FILE *file = bytecode ? fopen(argv[2], "wb") : NULL;
  if (!file || fwrite(bytecode, 1, size, file) != size || fclose(file)) fail("write", argv[2]);
  return 0;
}
