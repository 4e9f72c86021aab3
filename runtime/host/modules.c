/* The one table of native modules. */
#include "modules.h"

#include "module.h"

#define MODULES(X) \
  X(files)         \
  X(trees)         \
  X(sockets)       \
  X(processes)     \
  X(checksums)     \
  X(delta)         \
  X(packs)         \
  X(sending)       \
  X(signatures)    \
  X(random)        \
  X(clock)         \
  X(system)        \
  X(confinement)

/*
 * Those that only some programs have (see PUBLISHER_MODULES of tools/build.mjs), with their names in
 * JavaScript. A program without one has an empty module of its name, because the bundle is the same.
 */
#define OPTIONAL_MODULES(X) X(pack_coder, "native:pack-coder")

#define DEFINE_EMPTY(identifier, name)                                           \
  __attribute__((weak)) int module_##identifier##_register(JSContext *context) { \
    return module_register(context, name, NULL, 0, NULL, NULL);                  \
  }

#define DECLARE(name) int module_##name##_register(JSContext *context);
MODULES(DECLARE)
#define DECLARE_OPTIONAL(identifier, name) int module_##identifier##_register(JSContext *context);
OPTIONAL_MODULES(DECLARE_OPTIONAL)
OPTIONAL_MODULES(DEFINE_EMPTY)

int register_modules(JSContext *context) {
#define REGISTER(name) \
  if (module_##name##_register(context)) return -1;
  MODULES(REGISTER)
#define REGISTER_OPTIONAL(identifier, name) REGISTER(identifier)
  OPTIONAL_MODULES(REGISTER_OPTIONAL)
  return 0;
}
