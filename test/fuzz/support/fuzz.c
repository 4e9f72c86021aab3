/* See fuzz.h. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "native.h"

static void tell_time(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  long seconds = used.ru_utime.tv_sec + used.ru_stime.tv_sec;
  long rest = used.ru_utime.tv_usec + used.ru_stime.tv_usec;
  fprintf(stderr, "stat::cpu_milliseconds: %ld\n", seconds * 1000 + rest / 1000);
}

int LLVMFuzzerInitialize(UNUSED int *argc, UNUSED char ***argv) { return atexit(tell_time); }

void fuzz_fail(const char *file, int line, const char *what) {
  fprintf(stderr, "%s:%d: it does not hold that %s\n", file, line, what);
  abort();
}

uint8_t input_byte(struct input *input) {
  if (input->count == 0) return 0;
  input->count--;
  return *input->bytes++;
}

uint16_t input_short(struct input *input) {
  uint16_t low = input_byte(input);
  return (uint16_t)(low | input_byte(input) << 8);
}

struct input input_cut(struct input *input, uint8_t separator) {
  const uint8_t *found = input->count ? memchr(input->bytes, separator, input->count) : NULL;
  struct input cut = {input->bytes, found ? (size_t)(found - input->bytes) : input->count};
  size_t taken = cut.count + (found ? 1 : 0);
  input->bytes += taken;
  input->count -= taken;
  return cut;
}

uint8_t *exact_copy(const uint8_t *bytes, size_t count) {
  uint8_t *copy = malloc(count);
  CHECK(copy || count == 0);
  if (count) memcpy(copy, bytes, count);
  return copy;
}

int memory_file(int *fd, const uint8_t *bytes, size_t count) {
  if (*fd < 0) *fd = memfd_create("fuzz", MFD_CLOEXEC);
  CHECK(*fd >= 0);
  CHECK(ftruncate(*fd, 0) == 0);
  CHECK(count == 0 || pwrite(*fd, bytes, count, 0) == (ssize_t)count);
  CHECK(lseek(*fd, 0, SEEK_SET) == 0);
  return *fd;
}

JSContext *fuzz_context(void) {
  static JSContext *context;
  if (context) return context;
  JSRuntime *runtime = JS_NewRuntime();
  CHECK(runtime);
  context = JS_NewContextRaw(runtime);
  CHECK(context);
  JS_AddIntrinsicBaseObjects(context);
  JS_AddIntrinsicTypedArrays(context);
  JS_AddIntrinsicPromise(context);
  return context;
}

void fuzz_drop(JSValue value) {
  JSContext *context = fuzz_context();
  JS_FreeValue(context, value);
  JS_FreeValue(context, JS_GetException(context));
}

JSValue fuzz_call(JSCFunction *function, size_t count, const JSValueConst *given) {
  JSValueConst arguments[8];
  CHECK(count <= COUNT_OF(arguments));
  for (size_t i = 0; i < COUNT_OF(arguments); i++) {
    arguments[i] = i < count ? given[i] : JS_UNDEFINED;
  }
  return function(fuzz_context(), JS_UNDEFINED, (int)count, arguments);
}
