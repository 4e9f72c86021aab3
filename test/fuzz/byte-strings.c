/*
 * Names between C and JavaScript (runtime/host/values.c): every byte string comes back as it went, and a text
 * that is none is refused.
 */
#include <stdlib.h>
#include <string.h>

#include "support/fuzz.h"
#include "values.h"

static void there_and_back(struct input bytes) {
  JSContext *context = fuzz_context();
  size_t length;
  JSValue string = bytes_to_js(context, (const char *)bytes.bytes, bytes.count);
  CHECK(JS_IsString(string));
  char *back = bytes_from_js(context, string, &length);
  bool holds_zero = bytes.count > 0 && memchr(bytes.bytes, 0, bytes.count);
  CHECK(!back == holds_zero);
  if (back) CHECK(length == bytes.count && strlen(back) == length);
  if (back && length) CHECK(memcmp(back, bytes.bytes, length) == 0);
  js_free(context, back);
  fuzz_drop(string);
}

/* Any text, of which each unit is a byte or not. */
static void from_text(struct input text) {
  JSContext *context = fuzz_context();
  size_t length;
  JSValue string = JS_NewStringLen(context, (const char *)text.bytes, text.count);
  char *bytes = bytes_from_js(context, string, &length);
  if (bytes) {
    CHECK(strlen(bytes) == length);
    JSValue again = bytes_to_js(context, bytes, length);
    JSAtom one = JS_ValueToAtom(context, string), other = JS_ValueToAtom(context, again);
    CHECK(one == other);
    JS_FreeAtom(context, one);
    JS_FreeAtom(context, other);
    fuzz_drop(again);
  }
  js_free(context, bytes);
  fuzz_drop(string);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  uint8_t *copy = exact_copy(bytes, count);
  there_and_back((struct input){copy, count});
  from_text((struct input){copy, count});
  free(copy);
  return 0;
}
