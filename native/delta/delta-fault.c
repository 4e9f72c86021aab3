/* Which exception a fault becomes; see delta-fault.h. */
#include "delta-fault.h"

#include "values.h"

JSValue delta_throw_fault(JSContext *context, const struct fault *fault) {
  if (fault->kind == FAULT_TOKEN) {
    return throw_named_error(context, "TokenError", "%s", fault->message);
  }
  if (fault->kind == FAULT_SYSTEM) {
    return throw_system_error(context, fault->call, NULL, fault->saved_errno);
  }
  return JS_ThrowOutOfMemory(context);
}
