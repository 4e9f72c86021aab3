/* What a pack is to be made of; see the header. */
#include "pack-wish.h"

#include <stdlib.h>

#include "values.h"

#define WORKERS_MAX 64

/* A number from a property between two others. -1 with an exception. */
static int number_property(JSContext *context, JSValueConst object, const char *name, int64_t least,
                           int64_t most, int64_t *result) {
  if (get_int64_property(context, object, name, result)) return -1;
  if (*result >= least && *result <= most) return 0;
  JS_ThrowRangeError(context, "%s is %lld; allowed: %lld to %lld", name, (long long)*result,
                     (long long)least, (long long)most);
  return -1;
}

static int read_base(JSContext *context, JSValueConst object, struct plan_base *base) {
  int64_t size;
  if (number_property(context, object, "line", 0, MANIFEST_ENTRIES_MAX, &base->line) ||
      number_property(context, object, "size", 0, CONTENT_SIZE_MAX, &size) ||
      get_bool_property(context, object, "isNew", &base->is_new)) {
    return -1;
  }
  base->size = (uint64_t)size;
  base->path = get_bytes_property(context, object, "path");
  return base->path ? 0 : -1;
}

static int read_bases(JSContext *context, JSValueConst object, struct plan *plan) {
  JSValue list = JS_GetPropertyStr(context, object, "bases");
  int64_t count = 0;
  int result = JS_IsException(list) ? -1 : get_int64_property(context, list, "length", &count);
  if (result == 0 && count > BASES_MAX) {
    JS_ThrowRangeError(context, "a file has %lld bases; allowed: up to %d", (long long)count,
                       BASES_MAX);
    result = -1;
  }
  for (int64_t i = 0; i < count && result == 0; i++) {
    JSValue element = JS_GetPropertyUint32(context, list, (uint32_t)i);
    result = JS_IsException(element) ? -1 : read_base(context, element, &plan->bases[i]);
    if (result == 0) plan->base_count++;
    JS_FreeValue(context, element);
  }
  JS_FreeValue(context, list);
  return result;
}

static int read_plan(JSContext *context, JSValueConst object, struct plan *plan) {
  int64_t size;
  plan->task.run = plan_run;
  if (number_property(context, object, "line", 0, MANIFEST_ENTRIES_MAX, &plan->line) ||
      number_property(context, object, "size", 0, CONTENT_SIZE_MAX, &size) ||
      get_bool_property(context, object, "isPlain", &plan->is_plain)) {
    return -1;
  }
  plan->size = (uint64_t)size;
  plan->path = get_bytes_property(context, object, "path");
  if (!plan->path || read_bases(context, object, plan)) return -1;
  uint64_t largest = 0;
  for (unsigned i = 0; i < plan->base_count; i++) {
    if (plan->bases[i].size > largest) largest = plan->bases[i].size;
  }
  plan->memory = plan_memory(plan->size, largest);
  return 0;
}

static int read_plans(JSContext *context, JSValueConst work, struct pack *pack, int old_tree,
                      int new_tree) {
  JSValue list = JS_GetPropertyStr(context, work, "files");
  int64_t count = 0, before = -1;
  int result = JS_IsException(list)
                   ? -1
                   : number_property(context, list, "length", 0, MANIFEST_ENTRIES_MAX, &count);
  if (result == 0) pack->plans = calloc((size_t)count + 1, sizeof *pack->plans);
  if (result == 0 && !pack->plans) {
    JS_ThrowOutOfMemory(context);
    result = -1;
  }
  for (; result == 0 && pack->count < (size_t)count;) {
    JSValue element = JS_GetPropertyUint32(context, list, (uint32_t)pack->count);
    struct plan *plan = &pack->plans[pack->count++];
    plan->old_tree = old_tree;
    plan->new_tree = new_tree;
    result = JS_IsException(element) ? -1 : read_plan(context, element, plan);
    if (result == 0 && plan->line <= before) {
      JS_ThrowRangeError(context, "line %lld comes after line %lld", (long long)plan->line,
                         (long long)before);
      result = -1;
    }
    before = plan->line;
    JS_FreeValue(context, element);
  }
  JS_FreeValue(context, list);
  return result;
}

int pack_wish_read(JSContext *context, JSValueConst work, struct pack *pack) {
  int64_t old_tree, new_tree, target, workers, memory_max;
  if (number_property(context, work, "oldTree", -1, INT32_MAX, &old_tree) ||
      number_property(context, work, "newTree", 0, INT32_MAX, &new_tree) ||
      number_property(context, work, "target", 0, INT32_MAX, &target) ||
      number_property(context, work, "workers", 1, WORKERS_MAX, &workers) ||
      number_property(context, work, "memoryMax", 0, INT64_MAX, &memory_max)) {
    return -1;
  }
  pack->target = (int)target;
  pack->workers = (unsigned)workers;
  pack->memory_max = (uint64_t)memory_max;
  return read_plans(context, work, pack, (int)old_tree, (int)new_tree);
}

void pack_wish_free(JSContext *context, struct pack *pack) {
  for (size_t i = 0; i < pack->count; i++) {
    struct plan *plan = &pack->plans[i];
    for (unsigned k = 0; k < plan->base_count; k++) js_free(context, plan->bases[k].path);
    js_free(context, plan->path);
  }
  free(pack->plans);
}
