/* From JavaScript's values; see delta-values.h. */
#include "delta-values.h"

#include <string.h>

#include "delta-fault.h"
#include "values.h"

int hash_kind_from_js(JSContext *context, JSValueConst value, enum hash_kind *kind) {
  const char *name = JS_ToCString(context, value);
  if (!name) return -1;
  int found = hash_kind_of(name);
  if (found < 0) JS_ThrowTypeError(context, "\"%s\" is not a hash", name);
  JS_FreeCString(context, name);
  if (found < 0) return -1;
  *kind = (enum hash_kind)found;
  return 0;
}

int compression_from_js(JSContext *context, JSValueConst value, enum compression *compression) {
  static const char *const names[] = {"none", "zlibx", "zstd"};
  const char *name = JS_ToCString(context, value);
  if (!name) return -1;
  int found = -1;
  for (int i = 0; i < 3; i++) {
    if (strcmp(names[i], name) == 0) found = i;
  }
  if (found < 0) JS_ThrowTypeError(context, "\"%s\" is not a compression", name);
  JS_FreeCString(context, name);
  if (found < 0) return -1;
  *compression = (enum compression)found;
  return 0;
}

int sum_head_from_js(JSContext *context, JSValueConst object, struct sum_head *head) {
  struct fault fault;
  if (get_int64_property(context, object, "count", &head->count) ||
      get_int64_property(context, object, "blockLength", &head->block_length) ||
      get_int64_property(context, object, "strongLength", &head->strong_length) ||
      get_int64_property(context, object, "remainder", &head->remainder)) {
    return -1;
  }
  if (sum_head_check(head, &fault) == 0) return 0;
  delta_throw_fault(context, &fault);
  return -1;
}
