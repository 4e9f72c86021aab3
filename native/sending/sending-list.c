/*
 * The list to be sent as JavaScript sees it; sent-list.h says what it is. Its functions are in the table at the
 * end of sending.c; the walk is in sending-walk.c.
 */
#include "sending-list.h"

#include <string.h>

#include "../delta/delta-fault.h"
#include "../delta/delta-values.h"
#include "../files/paths.h"
#include "budget.h"
#include "module.h"

static JSClassID sent_list_class;

static void sent_list_finalize(UNUSED JSRuntime *runtime, JSValue value) {
  sent_list_close(JS_GetOpaque(value, sent_list_class));
}

int sending_list_prepare(JSContext *context) {
  static const JSClassDef definition = {"SentList", .finalizer = sent_list_finalize};
  return class_register(context, &sent_list_class, &definition);
}

/* As the contract says; but SystemError with the name it is about. */
static JSValue throw_fault(JSContext *context, const struct fault *fault, const char *name) {
  if (fault->kind != FAULT_SYSTEM) return delta_throw_fault(context, fault);
  return throw_system_error(context, fault->call, name, fault->saved_errno);
}

static int wire_options_from_js(JSContext *context, JSValueConst object,
                                struct wire_options *options, int64_t *entries_max) {
  int64_t protocol;
  if (get_int64_property(context, object, "protocol", &protocol) ||
      get_int64_property(context, object, "entriesMax", entries_max) ||
      get_bool_property(context, object, "varintFlags", &options->varint_flags) ||
      get_bool_property(context, object, "links", &options->links) ||
      get_bool_property(context, object, "owners", &options->owners) ||
      get_bool_property(context, object, "groups", &options->groups) ||
      get_bool_property(context, object, "devices", &options->devices) ||
      get_bool_property(context, object, "specials", &options->specials) ||
      get_bool_property(context, object, "hardLinks", &options->hard_links)) {
    return -1;
  }
  if (protocol < 30 || protocol > 32) {
    JS_ThrowRangeError(context, "file lists of protocol %lld are not sent here",
                       (long long)protocol);
    return -1;
  }
  options->protocol = (int)protocol;
  JSValue checksum = JS_GetPropertyStr(context, object, "checksum");
  if (JS_IsException(checksum)) return -1;
  options->has_sums = !JS_IsUndefined(checksum);
  int failed = options->has_sums ? hash_kind_from_js(context, checksum, &options->sum_kind) : 0;
  JS_FreeValue(context, checksum);
  return failed;
}

NATIVE(sending_open_sent_list) {
  struct wire_options options = {0};
  struct fault fault;
  int64_t entries_max;
  if (wire_options_from_js(context, arguments[0], &options, &entries_max)) return JS_EXCEPTION;
  if (entries_max < 0) entries_max = 0;
  if (entries_max > INT32_MAX) entries_max = INT32_MAX;
  JSValue object = JS_NewObjectClass(context, (int)sent_list_class);
  if (JS_IsException(object)) return object;
  struct sent_list *list = sent_list_open(&options, (uint32_t)entries_max, &fault);
  if (!list) {
    JS_FreeValue(context, object);
    return delta_throw_fault(context, &fault);
  }
  JS_SetOpaque(object, list);
  return object;
}

struct sent_list *sent_list_from_js(JSContext *context, JSValueConst value,
                                    unsigned allowed_stages) {
  static const char *const stages[] = {"the list has not ended", "the list has ended",
                                       "the list has ended", "the list failed before"};
  struct sent_list *list = JS_GetOpaque(value, sent_list_class);
  if (!list) JS_ThrowTypeError(context, "no open list to be sent");
  else if (list->is_busy) JS_ThrowTypeError(context, "the list is being walked");
  else if (allowed_stages & 1u << list->stage) return list;
  else JS_ThrowTypeError(context, "%s", stages[list->stage]);
  return NULL;
}

NATIVE(sending_add_place) {
  struct fault fault;
  int64_t directory;
  struct sent_list *list = sent_list_from_js(context, arguments[0], 1u << SENT_ADDING);
  if (!list || get_int64_property(context, arguments[1], "directory", &directory)) {
    return JS_EXCEPTION;
  }
  char *path = get_bytes_property(context, arguments[1], "path");
  char *at = path ? get_bytes_property(context, arguments[1], "at") : NULL;
  JSValue result = JS_EXCEPTION;
  if (at && (directory < 0 || directory > INT32_MAX)) {
    JS_ThrowTypeError(context, "directory is not a handle");
  } else if (at) {
    int place = sent_list_add_place(list, (int)directory, path, at, &fault);
    result = place < 0 ? delta_throw_fault(context, &fault) : JS_NewInt32(context, place);
  }
  js_free(context, path);
  js_free(context, at);
  return result;
}

static int added_as_from_js(JSContext *context, JSValueConst object, struct sent_facts *facts) {
  static const char *const contents[] = {"none", "names", "tree"};
  bool is_top;
  if (get_bool_property(context, object, "top", &is_top)) return -1;
  facts->is_top = is_top;
  char *content = get_bytes_property(context, object, "content");
  if (!content) return -1;
  int found = -1;
  for (int i = 0; i < 3; i++) {
    if (strcmp(contents[i], content) == 0) found = i;
  }
  if (found < 0) JS_ThrowTypeError(context, "\"%s\" is no content", content);
  js_free(context, content);
  if (found < 0) return -1;
  facts->content = (enum sent_content)found;
  return 0;
}

static JSValue add_entry(JSContext *context, struct sent_list *list, const char *name,
                         struct sent_facts *facts) {
  struct fault fault;
  if (!sent_list_is_below(list, facts->place, name)) {
    return JS_ThrowTypeError(context, "\"%s\" is not below \"%s\"", name,
                             list->places[facts->place].at);
  }
  if (sent_list_add(list, name, facts, &fault)) return throw_fault(context, &fault, name);
  return JS_NewUint32(context, facts->status.st_mode);
}

NATIVE(sending_add_entry) {
  struct sent_facts facts = {0};
  int64_t place;
  struct sent_list *list = sent_list_from_js(context, arguments[0], 1u << SENT_ADDING);
  if (!list || JS_ToInt64(context, &place, arguments[1]) ||
      added_as_from_js(context, arguments[3], &facts)) {
    return JS_EXCEPTION;
  }
  if (place < 0 || place >= list->place_count) {
    return JS_ThrowTypeError(context, "there is no place %lld", (long long)place);
  }
  facts.place = (unsigned)place;
  size_t length;
  char *name = bytes_from_js(context, arguments[2], &length);
  if (!name) return JS_EXCEPTION;
  JSValue result = add_entry(context, list, name, &facts);
  js_free(context, name);
  return result;
}

/* Its key and its sum, which are kept behind its name. -1 with an exception. */
static int made_from_js(JSContext *context, JSValueConst object, struct sent_facts *facts,
                        uint8_t more[4 + HASH_LENGTH_MAX]) {
  int64_t mode, size, seconds, key;
  if (get_int64_property(context, object, "mode", &mode) ||
      get_int64_property(context, object, "size", &size) ||
      get_int64_property(context, object, "modifiedSeconds", &seconds) ||
      get_int64_property(context, object, "key", &key)) {
    return -1;
  }
  facts->place = PLACE_MADE;
  facts->status.st_mode = (mode_t)mode & 0177777;
  facts->status.st_size = size < 0 ? 0 : (off_t)size;
  facts->status.st_mtim.tv_sec = (time_t)seconds;
  for (int i = 0; i < 4; i++) more[i] = (uint8_t)((uint64_t)key >> 8 * i);
  facts->more = more;
  facts->more_length = 4;
  JSValue checksum = JS_GetPropertyStr(context, object, "checksum");
  if (JS_IsException(checksum)) return -1;
  int failed = 0;
  if (!JS_IsUndefined(checksum)) {
    uint8_t *bytes;
    size_t length;
    failed = buffer_whole(context, checksum, &bytes, &length);
    if (!failed && length <= HASH_LENGTH_MAX) {
      memcpy(more + 4, bytes, length);
      facts->more_length += length;
    }
  }
  JS_FreeValue(context, checksum);
  return failed;
}

NATIVE(sending_add_made) {
  struct sent_facts facts = {0};
  struct fault fault;
  uint8_t more[4 + HASH_LENGTH_MAX];
  struct sent_list *list = sent_list_from_js(context, arguments[0], 1u << SENT_ADDING);
  if (!list || made_from_js(context, arguments[2], &facts, more) ||
      added_as_from_js(context, arguments[3], &facts)) {
    return JS_EXCEPTION;
  }
  size_t length;
  char *name = bytes_from_js(context, arguments[1], &length);
  if (!name) return JS_EXCEPTION;
  int failed = sent_entries_add(&list->entries, name, length, &facts, false, &fault);
  js_free(context, name);
  return failed ? delta_throw_fault(context, &fault) : JS_UNDEFINED;
}

/* One name of an id behind those before it. -1 with an exception. */
static int add_id_name(JSContext *context, JSValueConst object, struct id_names *names) {
  int64_t id;
  if (get_int64_property(context, object, "id", &id)) return -1;
  char *name = get_bytes_property(context, object, "name");
  if (!name) return -1;
  size_t length = strlen(name) < 255 ? strlen(name) : 255;
  uint8_t *bytes = budget_resize(&budget_clients, names->bytes, names->length + 5 + length);
  if (bytes) {
    names->bytes = bytes;
    bytes += names->length;
    for (int i = 0; i < 4; i++) bytes[i] = (uint8_t)((uint64_t)id >> 8 * i);
    bytes[4] = (uint8_t)length;
    memcpy(bytes + 5, name, length);
    names->length += 5 + length;
  } else {
    struct fault fault;
    fault_memory(&fault, &budget_clients);
    delta_throw_fault(context, &fault);
  }
  js_free(context, name);
  return bytes ? 0 : -1;
}

static int id_names_from_js(JSContext *context, JSValueConst object, const char *property,
                            struct id_names *names) {
  int64_t count;
  JSValue array = JS_GetPropertyStr(context, object, property);
  if (JS_IsException(array)) return -1;
  names->are_sent = !JS_IsUndefined(array);
  int failed = names->are_sent ? get_int64_property(context, array, "length", &count) : 0;
  for (int64_t i = 0; names->are_sent && !failed && i < count; i++) {
    JSValue name = JS_GetPropertyUint32(context, array, (uint32_t)i);
    failed = JS_IsException(name) ? -1 : add_id_name(context, name, names);
    JS_FreeValue(context, name);
  }
  JS_FreeValue(context, array);
  return failed;
}

NATIVE(sending_end_sent_list) {
  struct sent_end end = {0};
  int64_t io_error;
  struct sent_list *list = sent_list_from_js(context, arguments[0], 1u << SENT_ADDING);
  if (!list) return JS_EXCEPTION;
  if (list->walked < list->entries.count) {
    return JS_ThrowTypeError(context, "the walk has not ended");
  }
  if (get_int64_property(context, arguments[1], "ioError", &io_error) ||
      get_bool_property(context, arguments[1], "errorEnd", &end.error_end) ||
      get_bool_property(context, arguments[1], "rootName", &end.root_name) ||
      id_names_from_js(context, arguments[1], "users", &end.users) ||
      id_names_from_js(context, arguments[1], "groups", &end.groups)) {
    budget_free(&budget_clients, end.users.bytes);
    budget_free(&budget_clients, end.groups.bytes);
    return JS_EXCEPTION;
  }
  end.io_error = (int32_t)io_error;
  sent_list_end(list, &end);
  return JS_UNDEFINED;
}

NATIVE(sending_drain_list) {
  struct fault fault;
  uint8_t *bytes;
  size_t length;
  struct sent_list *list =
      sent_list_from_js(context, arguments[0], 1u << SENT_DRAINING | 1u << SENT_DRAINED);
  if (!list || buffer_window(context, arguments[1], arguments[2], arguments[3], &bytes, &length)) {
    return JS_EXCEPTION;
  }
  ssize_t written = sent_list_drain(list, bytes, length, &fault);
  return written < 0 ? delta_throw_fault(context, &fault) : JS_NewInt64(context, written);
}

NATIVE(sending_list_drained) {
  struct sent_list *list = sent_list_from_js(context, arguments[0], ~0u);
  return list ? JS_NewBool(context, list->stage == SENT_DRAINED) : JS_EXCEPTION;
}

NATIVE(sending_sent_summary) {
  struct sent_list *list = sent_list_from_js(context, arguments[0], ~0u);
  if (!list) return JS_EXCEPTION;
  uint64_t size = 0;
  for (uint32_t i = 0; i < list->entries.count; i++) {
    const struct sent_entry *entry = &list->entries.entries[i];
    if (S_ISREG(entry->mode) || S_ISLNK(entry->mode)) size += sent_entry_size(entry);
  }
  JSValue result = JS_NewObject(context);
  if (JS_IsException(result)) return result;
  set_property(context, result, "entries", JS_NewUint32(context, list->entries.count));
  set_property(context, result, "size", JS_NewInt64(context, (int64_t)size));
  return result;
}

/* Where an entry is, or what it was made for. */
static int set_origin(JSContext *context, JSValueConst result, const struct sent_list *list,
                      const struct sent_entry *entry, const char *name) {
  if (entry->place == PLACE_MADE) {
    size_t length;
    const uint8_t *more = sent_entry_more(&list->entries, entry, &length);
    uint32_t key = (uint32_t)more[0] | (uint32_t)more[1] << 8 | (uint32_t)more[2] << 16 |
                   (uint32_t)more[3] << 24;
    return set_property(context, result, "place", JS_UNDEFINED) ||
           set_property(context, result, "key", JS_NewUint32(context, key));
  }
  char path[PATH_SIZE_MAX];
  if (!sent_list_path(list, entry->place, name, path)) path[0] = 0;
  JSValue place = JS_NewObject(context);
  if (JS_IsException(place)) return -1;
  set_property(context, place, "number", JS_NewUint32(context, entry->place));
  set_property(context, place, "path", bytes_to_js(context, path, strlen(path)));
  return set_property(context, result, "place", place) ||
         set_property(context, result, "key", JS_UNDEFINED);
}

NATIVE(sending_sent_at) {
  int64_t index;
  struct sent_list *list = sent_list_from_js(context, arguments[0], ~0u);
  if (!list || JS_ToInt64(context, &index, arguments[1])) return JS_EXCEPTION;
  if (list->stage != SENT_DRAINED || index < 0 || index >= list->entries.count) {
    return JS_UNDEFINED;
  }
  const struct sent_entry *entry = &list->entries.entries[list->entries.order[index]];
  char name[SENT_NAME_MAX + 1];
  size_t length = sent_entry_name(&list->entries, entry, name);
  uint64_t size = sent_entry_is_device(entry) ? 0 : sent_entry_size(entry);
  JSValue result = JS_NewObject(context);
  if (JS_IsException(result)) return result;
  set_property(context, result, "name", bytes_to_js(context, name, length));
  set_property(context, result, "size", JS_NewInt64(context, (int64_t)size));
  set_property(context, result, "mode", JS_NewUint32(context, entry->mode));
  set_property(context, result, "modifiedSeconds", JS_NewInt64(context, sent_entry_seconds(entry)));
  set_origin(context, result, list, entry, name);
  return result;
}

NATIVE(sending_close_sent_list) {
  struct sent_list *list = JS_GetOpaque(arguments[0], sent_list_class);
  if (!list) return JS_UNDEFINED;
  if (list->is_busy) return JS_ThrowTypeError(context, "the list is being walked");
  JS_SetOpaque(arguments[0], NULL);
  sent_list_close(list);
  return JS_UNDEFINED;
}
