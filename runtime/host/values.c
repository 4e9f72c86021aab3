/* Between JavaScript's values and ours; see values.h for what each function promises. */
#include "values.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "errno_name.h"

int set_property(JSContext *context, JSValueConst object, const char *name, JSValue value) {
  return JS_DefinePropertyValueStr(context, object, name, value, JS_PROP_C_W_E) < 0 ? -1 : 0;
}

JSValue new_coded_error(JSContext *context, const char *call, const char *path, const char *code,
                        const char *words, int saved_errno) {
  JSValue error = JS_NewError(context);
  if (JS_IsException(error)) return error;
  const char *shown = path ? path : "";
  size_t size = strlen(call) + strlen(shown) + strlen(words) + strlen(code) + 16;
  char *message = js_malloc(context, size);
  if (!message) {
    JS_FreeValue(context, error);
    return JS_EXCEPTION;
  }
  int length = path ? snprintf(message, size, "%s \"%s\": %s (%s)", call, shown, words, code)
                    : snprintf(message, size, "%s: %s (%s)", call, words, code);
  set_property(context, error, "name", JS_NewString(context, "SystemError"));
  set_property(context, error, "message", bytes_to_js(context, message, (size_t)length));
  set_property(context, error, "call", JS_NewString(context, call));
  set_property(context, error, "path", bytes_to_js(context, shown, strlen(shown)));
  set_property(context, error, "code", JS_NewString(context, code));
  set_property(context, error, "errno", JS_NewInt32(context, saved_errno));
  js_free(context, message);
  return error;
}

JSValue new_system_error(JSContext *context, const char *call, const char *path, int saved_errno) {
  return new_coded_error(context, call, path, errno_name(saved_errno), strerror(saved_errno),
                         saved_errno);
}

JSValue throw_system_error(JSContext *context, const char *call, const char *path,
                           int saved_errno) {
  JSValue error = new_system_error(context, call, path, saved_errno);
  return JS_IsException(error) ? error : JS_Throw(context, error);
}

JSValue throw_named_error(JSContext *context, const char *name, const char *format, ...) {
  char message[512];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  if (length < 0) length = 0;
  if ((size_t)length >= sizeof message) length = sizeof message - 1;
  JSValue error = JS_NewError(context);
  if (JS_IsException(error)) return error;
  set_property(context, error, "name", JS_NewString(context, name));
  set_property(context, error, "message", bytes_to_js(context, message, (size_t)length));
  return JS_Throw(context, error);
}

/* QuickJS hands strings out as UTF-8, where a unit of 0x80..0xff takes two bytes (C2/C3 then 80..BF). */
char *bytes_from_js(JSContext *context, JSValueConst value, size_t *length) {
  size_t encoded_length;
  const char *encoded = JS_ToCStringLen(context, &encoded_length, value);
  if (!encoded) return NULL;
  char *bytes = js_malloc(context, encoded_length + 1);
  if (!bytes) goto out;
  size_t count = 0;
  for (size_t i = 0; i < encoded_length; i++) {
    unsigned char byte = (unsigned char)encoded[i];
    if (byte >= 0x80) {
      if (byte > 0xc3 || i + 1 >= encoded_length) goto not_bytes;
      byte = (unsigned char)(byte << 6 | ((unsigned char)encoded[++i] & 0x3f));
    } else if (byte == 0) {
      goto not_bytes;
    }
    bytes[count++] = (char)byte;
  }
  bytes[count] = 0;
  if (length) *length = count;
  goto out;
not_bytes:
  js_free(context, bytes);
  bytes = NULL;
  JS_ThrowTypeError(context, "not a byte string: every unit must be 0x01..0xff");
out:
  JS_FreeCString(context, encoded);
  return bytes;
}

JSValue bytes_to_js(JSContext *context, const char *bytes, size_t length) {
  size_t high = 0;
  for (size_t i = 0; i < length; i++) high += (unsigned char)bytes[i] >= 0x80;
  if (high == 0) return JS_NewStringLen(context, bytes, length);
  char *encoded = js_malloc(context, length + high);
  if (!encoded) return JS_EXCEPTION;
  size_t count = 0;
  for (size_t i = 0; i < length; i++) {
    unsigned char byte = (unsigned char)bytes[i];
    if (byte >= 0x80) {
      encoded[count++] = (char)(0xc0 | byte >> 6);
      byte = 0x80 | (byte & 0x3f);
    }
    encoded[count++] = (char)byte;
  }
  JSValue string = JS_NewStringLen(context, encoded, count);
  js_free(context, encoded);
  return string;
}

int buffer_whole(JSContext *context, JSValueConst array, uint8_t **bytes, size_t *count) {
  size_t offset, length, element_size, buffer_size;
  JSValue buffer = JS_GetTypedArrayBuffer(context, array, &offset, &length, &element_size);
  if (JS_IsException(buffer)) return -1;
  uint8_t *start = JS_GetArrayBuffer(context, &buffer_size, buffer);
  JS_FreeValue(context, buffer);
  if (!start && length > 0) return -1;
  if (element_size != 1) {
    JS_ThrowTypeError(context, "not a Uint8Array");
    return -1;
  }
  *bytes = start + offset;
  *count = length;
  return 0;
}

int buffer_window(JSContext *context, JSValueConst array, JSValueConst offset, JSValueConst length,
                  uint8_t **bytes, size_t *count) {
  size_t size;
  int64_t first, wanted;
  if (buffer_whole(context, array, bytes, &size)) return -1;
  if (JS_ToInt64(context, &first, offset) || JS_ToInt64(context, &wanted, length)) return -1;
  if (first < 0 || wanted < 0 || (uint64_t)first > size ||
      (uint64_t)wanted > size - (uint64_t)first) {
    JS_ThrowRangeError(context, "offset and length lie outside the buffer");
    return -1;
  }
  *bytes += first;
  *count = (size_t)wanted;
  return 0;
}

JSValue buffer_new(JSContext *context, const void *bytes, size_t count) {
  JSValue buffer = JS_NewArrayBufferCopy(context, bytes, count);
  if (JS_IsException(buffer)) return buffer;
  /* The constructor looks at all three, however many are said to be there. */
  JSValueConst arguments[] = {buffer, JS_UNDEFINED, JS_UNDEFINED};
  JSValue array = JS_NewTypedArray(context, 3, arguments, JS_TYPED_ARRAY_UINT8);
  JS_FreeValue(context, buffer);
  return array;
}

int get_int64_property(JSContext *context, JSValueConst object, const char *name, int64_t *result) {
  JSValue value = JS_GetPropertyStr(context, object, name);
  if (JS_IsException(value)) return -1;
  if (!JS_IsNumber(value)) {
    JS_FreeValue(context, value);
    JS_ThrowTypeError(context, "%s is missing or no number", name);
    return -1;
  }
  int failed = JS_ToInt64(context, result, value);
  JS_FreeValue(context, value);
  return failed ? -1 : 0;
}

int get_bool_property(JSContext *context, JSValueConst object, const char *name, bool *result) {
  JSValue value = JS_GetPropertyStr(context, object, name);
  if (JS_IsException(value)) return -1;
  int truth = JS_ToBool(context, value);
  JS_FreeValue(context, value);
  *result = truth > 0;
  return truth < 0 ? -1 : 0;
}

char *get_bytes_property(JSContext *context, JSValueConst object, const char *name) {
  JSValue value = JS_GetPropertyStr(context, object, name);
  if (JS_IsException(value)) return NULL;
  char *bytes = bytes_from_js(context, value, NULL);
  JS_FreeValue(context, value);
  return bytes;
}
