/* The walk of a list to be sent as JavaScript sees it: what it asks, and what it tells. */
#include "../delta/delta-fault.h"
#include "errno_name.h"
#include "sending-list.h"
#include "values.h"

/* What the events of a walk need. */
struct walker {
  JSContext *context;
  JSValueConst keep;
  JSValue refused;
  uint32_t refused_count;
};

static int keep_name(void *context, const char *name, size_t length, uint32_t mode) {
  const struct walker *walker = context;
  if (JS_IsUndefined(walker->keep)) return 1;
  JSValue values[] = {bytes_to_js(walker->context, name, length),
                      JS_NewUint32(walker->context, mode)};
  if (JS_IsException(values[0])) return -1;
  JSValue kept = JS_Call(walker->context, walker->keep, JS_UNDEFINED, 2, values);
  JS_FreeValue(walker->context, values[0]);
  if (JS_IsException(kept)) return -1;
  int result = JS_ToBool(walker->context, kept);
  JS_FreeValue(walker->context, kept);
  return result;
}

static int tell_refused(void *context, const char *name, size_t length, const char *call,
                        int saved_errno) {
  struct walker *walker = context;
  JSValue told = JS_NewObject(walker->context);
  if (JS_IsException(told)) return -1;
  if (set_property(walker->context, told, "name", bytes_to_js(walker->context, name, length)) ||
      set_property(walker->context, told, "call", JS_NewString(walker->context, call)) ||
      set_property(walker->context, told, "code",
                   JS_NewString(walker->context, errno_name(saved_errno)))) {
    JS_FreeValue(walker->context, told);
    return -1;
  }
  int defined = JS_DefinePropertyValueUint32(walker->context, walker->refused,
                                             walker->refused_count++, told, JS_PROP_C_W_E);
  return defined < 0 ? -1 : 0;
}

NATIVE(sending_walk_list) {
  struct fault fault;
  int64_t count;
  struct sent_list *list = sent_list_from_js(context, arguments[0], 1u << SENT_ADDING);
  if (!list || JS_ToInt64(context, &count, arguments[1])) return JS_EXCEPTION;
  if (count < 1) return JS_ThrowRangeError(context, "a walk of %lld names", (long long)count);
  struct walker walker = {context, arguments[2], JS_NewArray(context), 0};
  if (JS_IsException(walker.refused)) return JS_EXCEPTION;
  const struct walk_events events = {&walker, keep_name, tell_refused};
  // While the function is asked, the list must stay as it is.
  list->is_busy = true;
  int done = sent_list_walk(list, count, &events, &fault);
  list->is_busy = false;
  JSValue result = done < 0 ? JS_UNDEFINED : JS_NewObject(context);
  if (done < 0 || JS_IsException(result)) {
    JS_FreeValue(context, walker.refused);
    if (done < 0 && fault.kind != FAULT_NONE) return delta_throw_fault(context, &fault);
    return JS_EXCEPTION;
  }
  set_property(context, result, "done", JS_NewBool(context, done));
  set_property(context, result, "refused", walker.refused);
  return result;
}
