/* The last words of the program; see fail.h. Nothing here may need memory. */
#include "fail.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "first-process.h"

/* Of one message on stderr (bytes). */
#define LINE_MAX_SHOWN 2000

/* Writes all of it to stderr; if that fails there is nobody left to tell. */
static void complain(const char *text, size_t length) {
  while (length > 0) {
    ssize_t written = write(STDERR_FILENO, text, length);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text += written;
    length -= (size_t)written;
  }
}

/* One line on stderr, without control characters. */
static void complain_line(const char *text) {
  static const char prefix[] = "xo-upgrade: internal error: ";
  char line[sizeof prefix + LINE_MAX_SHOWN + 1];
  size_t length = sizeof prefix - 1;
  memcpy(line, prefix, length);
  for (; *text && length < sizeof line - 1; text++) {
    line[length++] = (unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text;
  }
  line[length++] = '\n';
  complain(line, length);
}

/* Ends the process after its last word. */
static _Noreturn void end(const char *text) {
  if (first_process_is_init()) first_process_fail(text);
  _exit(EXIT_INTERNAL_ERROR);
}

void host_fail(const char *text) { host_fail_showing(text, NULL); }

void host_fail_showing(const char *text, const char *more) {
  complain_line(text);
  if (more) complain(more, strlen(more));
  end(text);
}

void out_of_memory(void) { host_fail("out of memory"); }
