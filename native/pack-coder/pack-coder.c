/* native:pack-coder: what JavaScript calls; see pack-coder.d.ts. */
#include <string.h>

#include "compression.h"
#include "module.h"
#include "pack-wish.h"

static NATIVE(pack_coder_compress_frame) {
  uint8_t *content;
  size_t length;
  if (buffer_whole(context, arguments[0], &content, &length)) return JS_EXCEPTION;
  if (length > FRAME_RAW_MAX) {
    return JS_ThrowRangeError(context, "a frame has %zu bytes; allowed: up to %d", length,
                              FRAME_RAW_MAX);
  }
  struct bytes frame = {0};
  compress_frame(content, length, &frame);
  JSValue result = buffer_new(context, frame.data, frame.length);
  bytes_free(&frame);
  return result;
}

/* Whom to tell. */
struct listener {
  JSContext *context;
  JSValue function;
};

static int tell_progress(void *owner, size_t files, uint64_t bytes, const char *path) {
  struct listener *listener = owner;
  JSContext *context = listener->context;
  JSValue words[] = {JS_NewInt64(context, (int64_t)files), JS_NewInt64(context, (int64_t)bytes),
                     bytes_to_js(context, path, strlen(path))};
  JSValue result = JS_Call(context, listener->function, JS_UNDEFINED, COUNT_OF(words), words);
  for (size_t i = 0; i < COUNT_OF(words); i++) JS_FreeValue(context, words[i]);
  JS_FreeValue(context, result);
  return JS_IsException(result) ? -1 : 0;
}

static int set_number(JSContext *context, JSValueConst object, const char *name, uint64_t number) {
  return set_property(context, object, name, JS_NewInt64(context, (int64_t)number));
}

static JSValue new_frame(JSContext *context, const struct frame_entry *entry) {
  JSValue frame = JS_NewObject(context);
  if (JS_IsException(frame)) return frame;
  if (set_number(context, frame, "length", entry->length) ||
      set_number(context, frame, "line", (uint64_t)entry->line) ||
      set_property(context, frame, "goesOn", JS_NewBool(context, entry->goes_on))) {
    JS_FreeValue(context, frame);
    return JS_EXCEPTION;
  }
  return frame;
}

static JSValue new_frames(JSContext *context, const struct frames *frames) {
  JSValue list = JS_NewArray(context);
  for (size_t i = 0; i < frames->entry_count && !JS_IsException(list); i++) {
    JSValue frame = new_frame(context, &frames->entries[i]);
    if (!JS_IsException(frame) && JS_SetPropertyUint32(context, list, (uint32_t)i, frame) >= 0) {
      continue;
    }
    JS_FreeValue(context, list);
    list = JS_EXCEPTION;
  }
  return list;
}

static JSValue new_sections(JSContext *context, const struct frames *frames) {
  JSValue sections = JS_NewObject(context);
  if (JS_IsException(sections)) return sections;
  if (set_number(context, sections, "control", frames->control) ||
      set_number(context, sections, "gaps", frames->gaps) ||
      set_number(context, sections, "fixes", frames->fixes) ||
      set_number(context, sections, "text", frames->text)) {
    JS_FreeValue(context, sections);
    return JS_EXCEPTION;
  }
  return sections;
}

static JSValue new_summary(JSContext *context, const struct pack_summary *summary,
                           const struct frames *frames) {
  JSValue result = JS_NewObject(context);
  if (JS_IsException(result)) return result;
  if (set_number(context, result, "fromBase", summary->from_base) ||
      set_number(context, result, "whole", summary->whole) ||
      set_number(context, result, "opened", summary->opened) ||
      set_number(context, result, "bytes", summary->bytes) ||
      set_property(context, result, "frames", new_frames(context, frames)) ||
      set_property(context, result, "sections", new_sections(context, frames))) {
    JS_FreeValue(context, result);
    return JS_EXCEPTION;
  }
  return result;
}

static JSValue encode(JSContext *context, struct pack *pack) {
  struct frames frames;
  struct pack_summary summary;
  struct pack_failure failure;
  JSValue result = JS_EXCEPTION;
  enum pack_result outcome = pack_encode(pack, &frames, &summary, &failure);
  if (outcome == PACK_DONE) result = new_summary(context, &summary, &frames);
  if (outcome == PACK_FAILED) {
    throw_system_error(context, failure.call, failure.path, failure.code);
  }
  frames_free(&frames);
  return result;
}

static NATIVE(pack_coder_encode_files) {
  JSValue result = JS_EXCEPTION;
  struct pack pack = {0};
  struct listener listener = {context, JS_GetPropertyStr(context, arguments[0], "onProgress")};
  if (!JS_IsException(listener.function) && pack_wish_read(context, arguments[0], &pack) == 0) {
    pack.progress = tell_progress;
    pack.owner = &listener;
    result = encode(context, &pack);
  }
  pack_wish_free(context, &pack);
  JS_FreeValue(context, listener.function);
  return result;
}

static const JSCFunctionListEntry pack_coder_functions[] = {
    JS_CFUNC_DEF("encodeFiles", 1, pack_coder_encode_files),
    JS_CFUNC_DEF("compressFrame", 1, pack_coder_compress_frame),
};

MODULE_CALLED(pack_coder, "native:pack-coder", pack_coder_functions, NULL, NULL)
