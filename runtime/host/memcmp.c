/*
 * memcmp for programs over musl, whose own goes byte by byte: lines of manifests are compared a word at a time. The
 * linker takes it in place of the library's.
 */
#include <stdint.h>
#include <string.h>

#ifndef __GLIBC__

int memcmp(const void *one, const void *other, size_t count) {
  const uint8_t *a = one, *b = other;
  for (; count >= sizeof(size_t); count -= sizeof(size_t)) {
    size_t left, right;
    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    if (left != right) break;
    a += sizeof left;
    b += sizeof right;
  }
  for (; count > 0; count--, a++, b++) {
    if (*a != *b) return *a - *b;
  }
  return 0;
}

#endif
