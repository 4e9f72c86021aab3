/*
 * The words of a manifest (native/trees/manifest-words.c), each into memory of exactly the size that it is
 * promised to need, and against the plainest code that does the same.
 */
#include "../../native/trees/manifest-words.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/fuzz.h"

static void try_unescape(struct word word, size_t size) {
  char *bytes = malloc(size);
  CHECK(bytes);
  int64_t length = word_unescape(word, bytes, size);
  CHECK(length < (int64_t)size);
  if (length >= 0) CHECK(strlen(bytes) == (size_t)length && (size_t)length <= word.length);
  free(bytes);
}

static void try_number(struct word word, unsigned base, int64_t max) {
  int64_t value = word_number(word, base, max);
  CHECK(value >= -1 && value <= max);
  if (value < 0) return;
  char text[24], same[24];
  CHECK(word.length < sizeof text);
  memcpy(text, word.text, word.length);
  text[word.length] = 0;
  snprintf(same, sizeof same, base == 8 ? "%llo" : "%lld", (long long)value);
  CHECK(strcmp(text + strspn(text, "0"), strcmp(same, "0") == 0 ? "" : same) == 0);
}

static void try_hex(struct word word) {
  size_t count = word.length / 2;
  uint8_t *bytes = malloc(count + 1);
  CHECK(bytes);
  if (word_hex(word, bytes, count) == 0) {
    char digits[3];
    for (size_t i = 0; i < count; i++) {
      snprintf(digits, sizeof digits, "%02x", bytes[i]);
      CHECK(memcmp(digits, word.text + 2 * i, 2) == 0);
    }
  }
  free(bytes);
}

static void try_base64(struct word word) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  uint8_t *bytes = malloc(word.length);
  CHECK(bytes || word.length == 0);
  int64_t count = word_base64(word, bytes);
  CHECK(count < 0 || count == 0 || count < (int64_t)word.length);
  for (int64_t i = 0; i < count; i += 3) {
    uint32_t held = 0;
    for (int64_t k = 0; k < 3; k++) held = held << 8 | (i + k < count ? bytes[i + k] : 0);
    for (int64_t k = 0; k < 4; k++) {
      char digit = i + k <= count ? digits[held >> (18 - 6 * k) & 63] : '=';
      CHECK(word.text[i / 3 * 4 + k] == digit);
    }
  }
  free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  struct input input = {bytes, count};
  uint8_t choice = input_byte(&input);
  size_t size = (size_t)input_byte(&input) + 1;
  char *text = (char *)exact_copy(input.bytes, input.count);
  struct word rest = {text, input.count};
  while (rest.length > 0) {
    size_t before = rest.length;
    struct word word = word_cut(&rest, (char)choice);
    CHECK(!memchr(word.text, (char)choice, word.length) && rest.length < before);
    try_unescape(word, size);
    try_unescape(word, word.length + 1);
    try_number(word, 8, 07777);
    try_number(word, 10, 9007199254740991);
    try_hex(word);
    try_base64(word);
  }
  free(text);
  return 0;
}
