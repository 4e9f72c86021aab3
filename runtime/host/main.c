/*
 * The start and the end of the program: makes the process safe to work in, runs the bundle as a
 * module, drives the loop, and turns an uncaught exception into one readable line.
 *
 * Built three ways: with the bundle inside as packed bytecode; as `host`, which runs the bundle file that is
 * its first argument (HOST_RUNS_SCRIPT); and as that under the sanitizers, where it also frees
 * everything at its end so that leaks show, and any of its allocations can be refused (refusal.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#ifndef HOST_RUNS_SCRIPT
#include <zstd.h>
#include <zstd_errors.h>
#endif

#include "arguments.h"
#include "budget.h"
#include "fail.h"
#include "faults.h"
#include "first-process.h"
#include "loop.h"
#include "memory.h"
#include "modules.h"
#include "native.h"
#ifdef HOST_FREES
#include "refusal.h"
#endif

/* JavaScript may take half of the laptop's memory, and never more than this (bytes). */
#define MEMORY_MAX (256u * 1024 * 1024)
/* Deep enough for any recursion that we write; a main thread has 8 MiB (bytes). */
#define STACK_MAX (1024u * 1024)

static bool debug_wanted(void) {
  for (int i = 1; i < host_argument_count; i++) {
    if (strcmp(host_arguments[i], "--") == 0) return false;
    if (strcmp(host_arguments[i], "--debug") == 0) return true;
  }
  return false;
}

/* Ends the process with the exception that the context holds. */
static _Noreturn void fail_with_exception(JSContext *context) {
  /* This needs memory, and the exception may well be that C had none left. */
  JS_SetMemoryLimit(JS_GetRuntime(context), (size_t)-1);
  JSValue exception = JS_GetException(context);
  const char *text = JS_ToCString(context, exception);
  if (!text) JS_FreeValue(context, JS_GetException(context));
  if (!text) text = "an exception that cannot be shown";
  const char *frames = NULL;
  if (debug_wanted() && JS_IsError(context, exception)) {
    JSValue stack = JS_GetPropertyStr(context, exception, "stack");
    frames = JS_IsString(stack) ? JS_ToCString(context, stack) : NULL;
  }
  host_fail_showing(text, frames);
}

/* Rejected promises that nobody has handled yet. They have until no job is left. */
static struct rejection {
  JSValue promise, reason;
  struct rejection *next;
} * rejections;

static void note_rejection(JSContext *context, JSValueConst promise, JSValueConst reason,
                           JS_BOOL is_handled, UNUSED void *opaque) {
  if (!is_handled) {
    struct rejection *rejection = malloc(sizeof *rejection);
    if (!rejection) out_of_memory();
    *rejection =
        (struct rejection){JS_DupValue(context, promise), JS_DupValue(context, reason), rejections};
    rejections = rejection;
    return;
  }
  for (struct rejection **link = &rejections; *link; link = &(*link)->next) {
    struct rejection *rejection = *link;
    if (JS_VALUE_GET_PTR(rejection->promise) != JS_VALUE_GET_PTR(promise)) continue;
    *link = rejection->next;
    JS_FreeValue(context, rejection->promise);
    JS_FreeValue(context, rejection->reason);
    free(rejection);
    return;
  }
}

static int throw_rejection(JSContext *context) {
  if (!rejections) return 0;
  /* The oldest is the cause of the others. */
  struct rejection *oldest = rejections;
  while (oldest->next) oldest = oldest->next;
  JS_Throw(context, JS_DupValue(context, oldest->reason));
  return -1;
}

/* A closed standard descriptor would go to the next file that is opened, which would then be written into. */
static void prepare_process(void) {
  int fd;
  do {
    fd = open("/dev/null", O_RDWR);
    if (fd < 0) {
      /* Before /dev is there (as /init): any descriptor that is not a file of ours will do. */
      int ends[2];
      for (int i = 0; i <= STDERR_FILENO; i++)
        if (fcntl(i, F_GETFD) < 0 && pipe(ends) < 0 && getpid() != 1) _exit(EXIT_INTERNAL_ERROR);
      break;
    }
  } while (fd <= STDERR_FILENO);
  if (fd > STDERR_FILENO) close(fd);
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  sigaction(SIGPIPE, &ignore, NULL);
  umask(022);
}

/* A number of MiB from the environment (for tests, and for unusual laptops), or else half of the memory. */
static size_t memory_limit(void) {
  const char *wanted = getenv("XO_MEMORY_LIMIT_MB");
  if (wanted) {
    char *end;
    errno = 0;
    unsigned long megabytes = strtoul(wanted, &end, 10);
    if (errno == 0 && end != wanted && !*end && megabytes > 0 && megabytes <= SIZE_MAX >> 20) {
      return (size_t)megabytes << 20;
    }
  }
  long pages = sysconf(_SC_PHYS_PAGES), page_size = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page_size <= 0) return MEMORY_MAX;
  uint64_t half = (uint64_t)pages * (uint64_t)page_size / 2;
  return half < MEMORY_MAX ? (size_t)half : MEMORY_MAX;
}

static size_t stack_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_STACK, &limit) || limit.rlim_cur == RLIM_INFINITY) return STACK_MAX;
  return limit.rlim_cur / 2 < STACK_MAX ? (size_t)(limit.rlim_cur / 2) : STACK_MAX;
}

/* Only what the bundle needs: what is not named here is not linked. */
static JSContext *new_context(JSRuntime *runtime) {
  JSContext *context = JS_NewContextRaw(runtime);
  if (!context) return NULL;
  JS_AddIntrinsicBaseObjects(context);
  JS_AddIntrinsicDate(context);
  JS_AddIntrinsicRegExpCompiler(context);
  JS_AddIntrinsicRegExp(context);
  JS_AddIntrinsicJSON(context);
  JS_AddIntrinsicMapSet(context);
  JS_AddIntrinsicTypedArrays(context);
  JS_AddIntrinsicPromise(context);
#ifdef HOST_RUNS_SCRIPT
  JS_AddIntrinsicEval(context);
#endif
  return context;
}

#ifdef HOST_RUNS_SCRIPT
/* The bundle from the file that is the first argument; the rest is the bundle's command line. */
static JSValue evaluate_bundle(JSContext *context) {
  const char *path = host_arguments[0];
  FILE *file = fopen(path, "rbe");
  if (!file) host_fail("the script can't be opened");
  char *text = NULL;
  size_t length = 0, size = 0;
  do {
    if (length + 65536 > size) {
      size = size * 2 + 65536 * 2;
      text = realloc(text, size);
      if (!text) out_of_memory();
    }
    length += fread(text + length, 1, size - length - 1, file);
  } while (!feof(file) && !ferror(file));
  if (ferror(file)) host_fail("the script can't be read");
  fclose(file);
  text[length] = 0;
  JSValue result = JS_Eval(context, text, length, path, JS_EVAL_TYPE_MODULE);
  free(text);
  return result;
}
#else
extern const uint8_t bundle_start[], bundle_end[];

/* The packed form is half as long, and its checksum shows if a worn flash has altered the program. */
static JSValue evaluate_bundle(JSContext *context) {
  size_t packed = (size_t)(bundle_end - bundle_start);
  size_t length = (size_t)ZSTD_getFrameContentSize(bundle_start, packed);
  uint8_t *bytecode = malloc(length);
  if (!bytecode) out_of_memory();
  size_t unpacked = ZSTD_decompress(bytecode, length, bundle_start, packed);
  if (ZSTD_getErrorCode(unpacked) == ZSTD_error_memory_allocation) out_of_memory();
  if (unpacked != length) host_fail("the bundle in this program is damaged");
  JSValue bundle = JS_ReadObject(context, bytecode, length, JS_READ_OBJ_BYTECODE);
  free(bytecode);
  if (JS_IsException(bundle)) return bundle;
  if (JS_ResolveModule(context, bundle) < 0) return JS_EXCEPTION;
  return JS_EvalFunction(context, bundle);
}
#endif

#ifdef __i386__
/*
 * JavaScript's numbers are doubles. An x87 works with 64 bits of mantissa and rounds once more when it
 * stores a double, which may give the neighbour of the right one; this makes it work with 53.
 */
static void compute_in_doubles(void) {
  const unsigned short control = 0x27f;
  __asm__ volatile("fldcw %0" : : "m"(control));
}
#endif

int main(int argc, char **argv) {
#ifdef __i386__
  compute_in_doubles();
#endif
  prepare_process();
  host_whole_arguments = argv;
#ifdef HOST_RUNS_SCRIPT
  if (argc < 2) host_fail("usage: host SCRIPT [ARGUMENT ...]");
  argc--;
  argv++;
#endif
  host_argument_count = argc;
  host_arguments = argv;

#ifdef HOST_FREES
  /* The sanitizers deal with faults. */
  JSRuntime *runtime = JS_NewRuntime2(&refusing_functions, NULL);
#else
  if (first_process_is_init()) catch_faults();
  JSRuntime *runtime = JS_NewRuntime2(&memory_functions, NULL);
#endif
  if (!runtime) out_of_memory();
  JS_SetMemoryLimit(runtime, memory_limit());
  budget_prepare();
  JS_SetMaxStackSize(runtime, stack_limit());
  JS_SetHostPromiseRejectionTracker(runtime, note_rejection, NULL);
  JSContext *context = new_context(runtime);
  if (!context) out_of_memory();
  if (register_modules(context)) fail_with_exception(context);

  JSValue promise = evaluate_bundle(context);
  if (JS_IsException(promise)) fail_with_exception(context);
  if (loop_run(context, throw_rejection)) fail_with_exception(context);
  if (JS_PromiseState(context, promise) == JS_PROMISE_PENDING) {
    host_fail("everything has ended, but the program still waits for something");
  }
  if (first_process_is_init()) host_fail("the first process has nothing left to do");
#ifdef HOST_FREES
  JS_FreeValue(context, promise);
  JS_FreeContext(context);
  JS_FreeRuntime(runtime);
#endif
  return 0;
}
