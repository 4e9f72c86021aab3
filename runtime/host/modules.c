/* The one table of native modules. */
#include "modules.h"

#define MODULES(X) \
  X(files)         \
  X(trees)         \
  X(sockets)       \
  X(processes)     \
  X(checksums)     \
  X(delta)         \
  X(signatures)    \
  X(random)        \
  X(clock)         \
  X(system)        \
  X(confinement)

#define DECLARE(name) int module_##name##_register(JSContext *context);
MODULES(DECLARE)

int register_modules(JSContext *context) {
#define REGISTER(name) \
  if (module_##name##_register(context)) return -1;
  MODULES(REGISTER)
  return 0;
}
