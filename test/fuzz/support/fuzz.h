/*
 * What the fuzz targets share: reading an input piece by piece, a file that holds some bytes, and a
 * check that ends the process as a fault of memory does. docs/FUZZING.md says how a target is added.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "quickjs.h"

/* Called once: at its end, a run says how long the processor worked for it. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* The entry of every target. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

/* Ends the run with what does not hold; a find like any other. */
#define CHECK(holds)                                     \
  do {                                                   \
    if (!(holds)) fuzz_fail(__FILE__, __LINE__, #holds); \
  } while (0)
_Noreturn void fuzz_fail(const char *file, int line, const char *what);

/* What is left of an input. After its end it gives zeros. */
struct input {
  const uint8_t *bytes;
  size_t count;
};
uint8_t input_byte(struct input *input);
/* Little-endian. */
uint16_t input_short(struct input *input);
/* Up to the separator, which is dropped; all of the rest if there is none. */
struct input input_cut(struct input *input, uint8_t separator);

/* A copy of exactly this size, so that a read beyond its end is seen. To be freed. */
uint8_t *exact_copy(const uint8_t *bytes, size_t count);

/* A file in memory with these bytes and its position at the start: made once, and filled again each time. */
int memory_file(int *fd, const uint8_t *bytes, size_t count);

/* A context for functions that throw, made once; `fuzz_drop` forgets what was thrown and frees the value. */
JSContext *fuzz_context(void);
void fuzz_drop(JSValue value);
/* Calls one of our functions as JavaScript does: arguments that were not given are there, and undefined. */
JSValue fuzz_call(JSCFunction *function, size_t count, const JSValueConst *given);

#endif
