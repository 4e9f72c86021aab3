/* Arrays of byte strings as the kernel takes them. */
#include "words.h"

#include "values.h"

/* execve refuses more than a few megabytes of arguments anyway. */
#define WORDS_MAX 65536

void words_free(JSContext *context, char **words) {
  for (size_t i = 0; words && words[i]; i++) js_free(context, words[i]);
  js_free(context, words);
}

char **words_from_js(JSContext *context, JSValueConst options, const char *name) {
  char **words = NULL;
  JSValue array = JS_GetPropertyStr(context, options, name);
  int64_t count;
  if (JS_IsException(array)) return NULL;
  if (!JS_IsArray(context, array) || get_int64_property(context, array, "length", &count) ||
      count > WORDS_MAX) {
    JS_ThrowTypeError(context, "%s must be an array of at most %d byte strings", name, WORDS_MAX);
    goto out;
  }
  words = js_mallocz(context, ((size_t)count + 1) * sizeof *words);
  for (int64_t i = 0; words && i < count; i++) {
    JSValue word = JS_GetPropertyUint32(context, array, (uint32_t)i);
    words[i] = JS_IsException(word) ? NULL : bytes_from_js(context, word, NULL);
    JS_FreeValue(context, word);
    if (!words[i]) {
      words_free(context, words);
      words = NULL;
    }
  }
out:
  JS_FreeValue(context, array);
  return words;
}
