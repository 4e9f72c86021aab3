/*
 * The file list of native:delta as JavaScript sees it; file-list.h says what it is. Its functions
 * are in the table at the end of delta.c.
 */
#include "delta-list.h"

#include "budget.h"
#include "delta-fault.h"
#include "file-list.h"
#include "module.h"

static JSClassID file_list_class;

static void file_list_finalize(UNUSED JSRuntime *runtime, JSValue value) {
  file_list_close(JS_GetOpaque(value, file_list_class));
}

int delta_list_prepare(JSContext *context) {
  static const JSClassDef definition = {"FileList", .finalizer = file_list_finalize};
  return class_register(context, &file_list_class, &definition);
}

static int list_options_from_js(JSContext *context, JSValueConst object,
                                struct file_list_options *options) {
  int64_t protocol;
  if (get_int64_property(context, object, "protocol", &protocol) ||
      get_int64_property(context, object, "entriesMax", &options->entries_max) ||
      get_bool_property(context, object, "varintFlags", &options->varint_flags) ||
      get_bool_property(context, object, "relative", &options->relative)) {
    return -1;
  }
  options->protocol = (int)protocol;
  if (protocol >= 30 && protocol <= 32) return 0;
  JS_ThrowRangeError(context, "file lists of protocol %lld are not read here", (long long)protocol);
  return -1;
}

NATIVE(delta_open_file_list) {
  struct file_list_options options;
  if (list_options_from_js(context, arguments[0], &options)) return JS_EXCEPTION;
  JSValue object = JS_NewObjectClass(context, (int)file_list_class);
  if (JS_IsException(object)) return object;
  struct file_list *list = file_list_open(&options);
  if (!list) {
    struct fault fault;
    JS_FreeValue(context, object);
    fault_memory(&fault, &budget_source);
    return delta_throw_fault(context, &fault);
  }
  JS_SetOpaque(object, list);
  return object;
}

static struct file_list *list_from_js(JSContext *context, JSValueConst value) {
  struct file_list *list = JS_GetOpaque(value, file_list_class);
  if (!list) JS_ThrowTypeError(context, "no open file list");
  return list;
}

NATIVE(delta_feed_list) {
  struct fault fault;
  uint8_t *bytes;
  size_t length;
  struct file_list *list = list_from_js(context, arguments[0]);
  if (!list) return JS_EXCEPTION;
  if (file_list_failed(list)) return JS_ThrowTypeError(context, "the file list failed before");
  if (buffer_window(context, arguments[1], arguments[2], arguments[3], &bytes, &length)) {
    return JS_EXCEPTION;
  }
  ssize_t used = file_list_feed(list, bytes, length, &fault);
  return used < 0 ? delta_throw_fault(context, &fault) : JS_NewInt64(context, used);
}

NATIVE(delta_list_ended) {
  struct file_list *list = list_from_js(context, arguments[0]);
  return list ? JS_NewBool(context, file_list_ended(list)) : JS_EXCEPTION;
}

NATIVE(delta_list_summary) {
  struct file_list *list = list_from_js(context, arguments[0]);
  if (!list) return JS_EXCEPTION;
  JSValue result = JS_NewObject(context);
  if (JS_IsException(result)) return result;
  set_property(context, result, "entries", JS_NewUint32(context, file_list_count(list)));
  set_property(context, result, "namesLength", JS_NewInt64(context, file_list_names_length(list)));
  set_property(context, result, "ioError", JS_NewInt32(context, file_list_io_error(list)));
  return result;
}

NATIVE(delta_find_listed) {
  struct listed found;
  size_t length;
  struct file_list *list = list_from_js(context, arguments[0]);
  if (!list) return JS_EXCEPTION;
  char *name = bytes_from_js(context, arguments[1], &length);
  if (!name) return JS_EXCEPTION;
  bool is_there = file_list_find(list, name, length, &found);
  js_free(context, name);
  if (!is_there) return JS_UNDEFINED;
  JSValue result = JS_NewObject(context);
  if (JS_IsException(result)) return result;
  set_property(context, result, "index", JS_NewUint32(context, found.index));
  set_property(context, result, "size", JS_NewInt64(context, found.size));
  set_property(context, result, "mode", JS_NewUint32(context, found.mode));
  return result;
}

NATIVE(delta_listed_at) {
  struct listed found;
  int64_t index;
  struct file_list *list = list_from_js(context, arguments[0]);
  if (!list || JS_ToInt64(context, &index, arguments[1])) return JS_EXCEPTION;
  if (!file_list_at(list, index, &found)) return JS_UNDEFINED;
  JSValue result = JS_NewObject(context);
  if (JS_IsException(result)) return result;
  set_property(context, result, "name", bytes_to_js(context, found.name, found.name_length));
  set_property(context, result, "size", JS_NewInt64(context, found.size));
  set_property(context, result, "mode", JS_NewUint32(context, found.mode));
  set_property(context, result, "modifiedSeconds", JS_NewInt64(context, found.modified_seconds));
  return result;
}

NATIVE(delta_close_file_list) {
  struct file_list *list = JS_GetOpaque(arguments[0], file_list_class);
  if (!list) return JS_UNDEFINED;
  JS_SetOpaque(arguments[0], NULL);
  file_list_close(list);
  return JS_UNDEFINED;
}
