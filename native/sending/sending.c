/*
 * native:sending as JavaScript sees it: turns arguments and faults between JavaScript and the sender, which knows
 * nothing of it. The list's half is in sending-list.c.
 */
#include <string.h>

#include "../delta/delta-fault.h"
#include "../delta/delta-values.h"
#include "errno_name.h"
#include "module.h"
#include "sender.h"
#include "sending-list.h"

static JSClassID sender_class;

static void sender_finalize(UNUSED JSRuntime *runtime, JSValue value) {
  sender_close(JS_GetOpaque(value, sender_class));
}

static int sender_options_from_js(JSContext *context, JSValueConst object,
                                  struct sender_options *options) {
  int64_t seed;
  JSValue compression = JS_GetPropertyStr(context, object, "compression");
  JSValue algorithm = JS_GetPropertyStr(context, object, "algorithm");
  int failed = compression_from_js(context, compression, &options->compression) ||
               hash_kind_from_js(context, algorithm, &options->kind) ||
               get_int64_property(context, object, "seed", &seed) ||
               get_bool_property(context, object, "seedFirst", &options->seed_first);
  JS_FreeValue(context, compression);
  JS_FreeValue(context, algorithm);
  if (failed) return -1;
  options->seed = (int32_t)(uint32_t)(uint64_t)seed;
  return 0;
}

static NATIVE(sending_open_sender) {
  struct sender_options options;
  struct fault fault;
  if (sender_options_from_js(context, arguments[0], &options)) return JS_EXCEPTION;
  JSValue object = JS_NewObjectClass(context, (int)sender_class);
  if (JS_IsException(object)) return object;
  struct sender *sender = sender_open(&options, &fault);
  if (!sender) {
    JS_FreeValue(context, object);
    return delta_throw_fault(context, &fault);
  }
  JS_SetOpaque(object, sender);
  return object;
}

static const char *state_message(enum sender_state state, unsigned allowed_states) {
  if (state == SENDER_FAILED) return "the sender failed before";
  if (state == SENDER_SUMS && allowed_states & 1u << SENDER_READY) {
    return "the sums are not complete";
  }
  if (allowed_states & 1u << SENDER_IDLE) return "the last file is not finished";
  if (allowed_states & 1u << SENDER_READY) return "no sums were begun";
  return state == SENDER_RUNNING ? "the file has not ended" : "no file was begun";
}

/* The sender, which must be in one of these states; NULL with an exception. */
static struct sender *sender_from_js(JSContext *context, JSValueConst value,
                                     unsigned allowed_states) {
  struct sender *sender = JS_GetOpaque(value, sender_class);
  if (!sender) {
    JS_ThrowTypeError(context, "no open sender");
    return NULL;
  }
  enum sender_state state = sender_state(sender);
  if (allowed_states & 1u << state) return sender;
  JS_ThrowTypeError(context, "%s", state_message(state, allowed_states));
  return NULL;
}

static int append_from_js(JSContext *context, JSValueConst value, enum append *append) {
  *append = APPEND_NOT;
  if (JS_IsUndefined(value)) return 0;
  const char *name = JS_ToCString(context, value);
  if (!name) return -1;
  if (strcmp(name, "tail") == 0) *append = APPEND_TAIL;
  if (strcmp(name, "whole") == 0) *append = APPEND_WHOLE;
  if (*append == APPEND_NOT) JS_ThrowTypeError(context, "\"%s\" is no way to append", name);
  JS_FreeCString(context, name);
  return *append == APPEND_NOT ? -1 : 0;
}

static NATIVE(sending_begin_sums) {
  struct sum_head head;
  struct fault fault;
  enum append append;
  struct sender *sender = sender_from_js(context, arguments[0], 1u << SENDER_IDLE);
  if (!sender || sum_head_from_js(context, arguments[1], &head) ||
      append_from_js(context, arguments[2], &append)) {
    return JS_EXCEPTION;
  }
  if (sender_begin_sums(sender, &head, append, &fault)) return delta_throw_fault(context, &fault);
  return JS_UNDEFINED;
}

static NATIVE(sending_feed_sums) {
  uint8_t *bytes;
  size_t length;
  struct sender *sender =
      sender_from_js(context, arguments[0], 1u << SENDER_SUMS | 1u << SENDER_READY);
  if (!sender ||
      buffer_window(context, arguments[1], arguments[2], arguments[3], &bytes, &length)) {
    return JS_EXCEPTION;
  }
  return JS_NewInt64(context, (int64_t)sender_feed(sender, bytes, length));
}

static NATIVE(sending_sums_complete) {
  struct sender *sender = sender_from_js(context, arguments[0], ~0u);
  if (!sender) return JS_EXCEPTION;
  enum sender_state state = sender_state(sender);
  return JS_NewBool(context, state != SENDER_IDLE && state != SENDER_SUMS);
}

static NATIVE(sending_drop_sums) {
  struct sender *sender = sender_from_js(context, arguments[0], 1u << SENDER_READY);
  if (!sender) return JS_EXCEPTION;
  sender_drop(sender);
  return JS_UNDEFINED;
}

static int sent_file_from_js(JSContext *context, JSValueConst object, struct sent_file *file) {
  int64_t fd;
  if (get_int64_property(context, object, "size", &file->size) ||
      get_bool_property(context, object, "inPlace", &file->in_place)) {
    return -1;
  }
  if (file->size < 0) {
    JS_ThrowRangeError(context, "a file of %lld bytes", (long long)file->size);
    return -1;
  }
  JSValue source = JS_GetPropertyStr(context, object, "source");
  if (JS_IsException(source)) return -1;
  bool is_handle = JS_IsNumber(source);
  int failed = 0;
  file->fd = -1;
  if (!is_handle) {
    uint8_t *bytes;
    failed = buffer_whole(context, source, &bytes, &file->made_length);
    file->made = bytes;
  }
  JS_FreeValue(context, source);
  if (is_handle) {
    failed = get_int64_property(context, object, "source", &fd);
    if (!failed && (fd < 0 || fd > INT32_MAX)) {
      JS_ThrowTypeError(context, "source is not a handle");
      return -1;
    }
    file->fd = (int)fd;
  }
  return failed ? -1 : 0;
}

static NATIVE(sending_begin_sending) {
  struct sent_file file = {0};
  struct fault fault;
  struct sender *sender = sender_from_js(context, arguments[0], 1u << SENDER_READY);
  if (!sender || sent_file_from_js(context, arguments[1], &file)) return JS_EXCEPTION;
  if (sender_begin(sender, &file, &fault)) return delta_throw_fault(context, &fault);
  return JS_UNDEFINED;
}

static NATIVE(sending_produce) {
  struct fault fault;
  uint8_t *bytes;
  size_t length;
  struct sender *sender =
      sender_from_js(context, arguments[0], 1u << SENDER_RUNNING | 1u << SENDER_ENDED);
  if (!sender ||
      buffer_window(context, arguments[1], arguments[2], arguments[3], &bytes, &length)) {
    return JS_EXCEPTION;
  }
  ssize_t written = sender_produce(sender, bytes, length, &fault);
  return written < 0 ? delta_throw_fault(context, &fault) : JS_NewInt64(context, written);
}

static NATIVE(sending_sending_ended) {
  struct sender *sender = sender_from_js(context, arguments[0], ~0u);
  if (!sender) return JS_EXCEPTION;
  return JS_NewBool(context, sender_state(sender) == SENDER_ENDED);
}

static NATIVE(sending_finish_sending) {
  struct sender *sender = sender_from_js(context, arguments[0], 1u << SENDER_ENDED);
  if (!sender) return JS_EXCEPTION;
  struct sent_result sent;
  sender_finish(sender, &sent);
  JSValue result = JS_NewObject(context);
  if (JS_IsException(result)) return result;
  set_property(context, result, "literal", JS_NewInt64(context, sent.literal));
  set_property(context, result, "matched", JS_NewInt64(context, sent.matched));
  set_property(
      context, result, "readError",
      sent.saved_errno ? JS_NewString(context, errno_name(sent.saved_errno)) : JS_UNDEFINED);
  return result;
}

static NATIVE(sending_close_sender) {
  struct sender *sender = JS_GetOpaque(arguments[0], sender_class);
  if (!sender) return JS_UNDEFINED;
  JS_SetOpaque(arguments[0], NULL);
  sender_close(sender);
  return JS_UNDEFINED;
}

static int sending_prepare(JSContext *context, UNUSED JSModuleDef *module) {
  static const JSClassDef definition = {"Sender", .finalizer = sender_finalize};
  if (class_register(context, &sender_class, &definition)) return -1;
  return sending_list_prepare(context);
}

static const JSCFunctionListEntry sending_functions[] = {
    JS_CFUNC_DEF("openSender", 1, sending_open_sender),
    JS_CFUNC_DEF("beginSums", 3, sending_begin_sums),
    JS_CFUNC_DEF("feedSums", 4, sending_feed_sums),
    JS_CFUNC_DEF("sumsComplete", 1, sending_sums_complete),
    JS_CFUNC_DEF("dropSums", 1, sending_drop_sums),
    JS_CFUNC_DEF("beginSending", 2, sending_begin_sending),
    JS_CFUNC_DEF("produce", 4, sending_produce),
    JS_CFUNC_DEF("sendingEnded", 1, sending_sending_ended),
    JS_CFUNC_DEF("finishSending", 1, sending_finish_sending),
    JS_CFUNC_DEF("closeSender", 1, sending_close_sender),
    JS_CFUNC_DEF("openSentList", 1, sending_open_sent_list),
    JS_CFUNC_DEF("addPlace", 2, sending_add_place),
    JS_CFUNC_DEF("addEntry", 4, sending_add_entry),
    JS_CFUNC_DEF("addMade", 4, sending_add_made),
    JS_CFUNC_DEF("walkList", 3, sending_walk_list),
    JS_CFUNC_DEF("endSentList", 2, sending_end_sent_list),
    JS_CFUNC_DEF("drainList", 4, sending_drain_list),
    JS_CFUNC_DEF("listDrained", 1, sending_list_drained),
    JS_CFUNC_DEF("sentSummary", 1, sending_sent_summary),
    JS_CFUNC_DEF("sentAt", 2, sending_sent_at),
    JS_CFUNC_DEF("closeSentList", 1, sending_close_sent_list),
};

MODULE_WITH(sending, sending_functions, sending_prepare)
