/*
 * Lines of the kernel's table of mounts (native/confinement/own-mounts.c): whoever puts in a stick names the
 * folder that it is mounted on.
 */
#include "../../native/confinement/own-mounts.c"

#include "support/fuzz.h"

/* The fifth word of the line as proc(5) says it. NULL if there is none. To be freed. */
static char *plain_point(const char *line) {
  const char *at = line;
  for (int word = 0;; word++) {
    at += strspn(at, " ");
    if (!*at) return NULL;
    if (word == 4) break;
    at += strcspn(at, " ");
  }
  size_t length = strcspn(at, " "), kept = 0;
  char *point = malloc(length + 1);
  CHECK(point);
  for (size_t i = 0; i < length; kept++) {
    int value = -1;
    if (at[i] == '\\' && length - i >= 4 && strspn(at + i + 1, "01234567") >= 3) {
      value = (at[i + 1] - '0') * 64 + (at[i + 2] - '0') * 8 + (at[i + 3] - '0');
    }
    point[kept] = value >= 0 ? (char)value : at[i];
    i += value >= 0 ? 4 : 1;
  }
  point[kept] = 0;
  return point;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  char *line = malloc(count + 1);
  CHECK(line);
  if (count) memcpy(line, bytes, count);
  line[count] = 0;
  char *wanted = plain_point(line), *point = mount_point(line);
  CHECK(!wanted == !point);
  if (wanted) CHECK(strcmp(point, wanted) == 0);
  free(wanted);
  free(line);
  return 0;
}
