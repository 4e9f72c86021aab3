/* The words of a manifest's line: escapes, numbers, hex digits, base64. For manifest-line.c. */
#ifndef TREES_MANIFEST_WORDS_H
#define TREES_MANIFEST_WORDS_H

#include <stddef.h>
#include <stdint.h>

/* A stretch of a line. */
struct word {
  const char *text;
  size_t length;
};

/* The bytes that a word stands for, and a NUL; at most `size` with it. How many, or -1. */
int64_t word_unescape(struct word word, char *bytes, size_t size);

/* A number in base 8 or 10, or -1 if there are other characters, or it is above `max`. */
int64_t word_number(struct word word, unsigned base, int64_t max);

/* Exactly `count` bytes from lower-case hex digits, or -1. */
int word_hex(struct word word, uint8_t *bytes, size_t count);

/*
 * Bytes from base64 in its one canonical spelling; always fewer than the word's. How many, or -1.
 */
int64_t word_base64(struct word word, uint8_t *bytes);

/* Cuts off what comes before the separator, and the separator; all of it if there is none. */
struct word word_cut(struct word *rest, char separator);

#endif
