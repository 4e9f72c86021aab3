/* The words of a manifest's line; see manifest-words.h. manifest-escape.ts reads the same ones. */
#include "manifest-words.h"

#include <stdbool.h>
#include <string.h>

/* vis(3)'s letters; 0 if it is none of them. */
static unsigned char letter_byte(char letter) {
  switch (letter) {
    case 's': return ' ';
    case 't': return '\t';
    case 'n': return '\n';
    case 'r': return '\r';
    case 'a': return '\a';
    case 'b': return '\b';
    case 'v': return '\v';
    case 'f': return '\f';
    case '\\': return '\\';
    case '#': return '#';
    default: return 0;
  }
}

/* `^A` is 0x01, `^?` is 0x7f; `text` begins after the `^`. */
static int control_byte(const char *text, const char *end, unsigned high) {
  if (text == end) return -1;
  unsigned char unit = (unsigned char)*text;
  if (unit == '?') return (int)(0x7f | high);
  return unit >= 0x40 && unit <= 0x5f ? (int)((unit - 0x40u) | high) : -1;
}

/* The byte of one escape and where it ends; -1 if it is malformed. `text` begins after the `\`. */
static int read_escape(const char *text, const char *end, const char **after) {
  if (text == end) return -1;
  if (*text >= '0' && *text <= '7') {
    unsigned value = 0;
    const char *at = text;
    while (at < end && at < text + 3 && *at >= '0' && *at <= '7') value = value * 8 + (*at++ - '0');
    *after = at;
    return value <= 0xff ? (int)value : -1;
  }
  unsigned char letter = letter_byte(*text);
  *after = text + 1;
  if (letter) return letter;
  if (*text == '^') {
    *after = text + 2;
    return control_byte(text + 1, end, 0);
  }
  if (*text != 'M' || end - text < 3) return -1;
  *after = text + 3;
  if (text[1] == '^') return control_byte(text + 2, end, 0x80);
  unsigned char unit = (unsigned char)text[2];
  return text[1] == '-' && unit > 0x20 && unit < 0x7f ? unit | 0x80 : -1;
}

int64_t word_unescape(struct word word, char *bytes, size_t size) {
  const char *escape = memchr(word.text, '\\', word.length);
  if (!escape) {
    if (word.length >= size || memchr(word.text, 0, word.length)) return -1;
    memcpy(bytes, word.text, word.length);
    bytes[word.length] = 0;
    return (int64_t)word.length;
  }
  const char *end = word.text + word.length;
  size_t count = 0;
  for (const char *at = word.text; at < end;) {
    int byte = (unsigned char)*at++;
    if (byte == '\\') byte = read_escape(at, end, &at);
    if (byte <= 0 || count + 1 >= size) return -1;
    bytes[count++] = (char)byte;
  }
  bytes[count] = 0;
  return (int64_t)count;
}

int64_t word_number(struct word word, unsigned base, int64_t max) {
  /* 16 digits stay far below 2^63. */
  if (word.length == 0 || word.length > 16) return -1;
  int64_t value = 0;
  for (size_t i = 0; i < word.length; i++) {
    unsigned digit = (unsigned char)word.text[i] - '0';
    if (digit >= base) return -1;
    value = value * base + digit;
  }
  return value <= max ? value : -1;
}

/* A digit's value, with HEX_DIGIT; 0 for everything else. The processor would mispredict branches. */
#define HEX_DIGIT 0x10
static const uint8_t hex_digits[256] = {
    ['0'] = 0x10, ['1'] = 0x11, ['2'] = 0x12, ['3'] = 0x13, ['4'] = 0x14, ['5'] = 0x15,
    ['6'] = 0x16, ['7'] = 0x17, ['8'] = 0x18, ['9'] = 0x19, ['a'] = 0x1a, ['b'] = 0x1b,
    ['c'] = 0x1c, ['d'] = 0x1d, ['e'] = 0x1e, ['f'] = 0x1f,
};

int word_hex(struct word word, uint8_t *bytes, size_t count) {
  if (word.length != count * 2) return -1;
  const uint8_t *text = (const uint8_t *)word.text;
  unsigned common = HEX_DIGIT;
  for (size_t i = 0; i < count; i++) {
    unsigned high = hex_digits[text[2 * i]], low = hex_digits[text[2 * i + 1]];
    common &= high & low;
    bytes[i] = (uint8_t)(high << 4 | (low & 15));
  }
  return common ? 0 : -1;
}

static int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int64_t word_base64(struct word word, uint8_t *bytes) {
  if (word.length % 4 != 0) return -1;
  size_t digits = word.length;
  while (digits > 0 && word.length - digits < 2 && word.text[digits - 1] == '=') digits--;
  size_t count = 0;
  uint32_t held = 0;
  unsigned held_bits = 0;
  for (size_t i = 0; i < digits; i++) {
    int digit = base64_digit(word.text[i]);
    if (digit < 0) return -1;
    held = (held << 6 | (uint32_t)digit) & 0xffff;
    held_bits += 6;
    if (held_bits < 8) continue;
    held_bits -= 8;
    bytes[count++] = (uint8_t)(held >> held_bits);
  }
  return held & ((1u << held_bits) - 1) ? -1 : (int64_t)count;
}

/* Whether one of eight bytes is this one: it becomes 0, and only a 0 borrows into a bit that it had not. */
static bool any_of_eight(const char *text, char byte) {
  uint64_t eight;
  memcpy(&eight, text, sizeof eight);
  eight ^= (unsigned char)byte * UINT64_C(0x0101010101010101);
  return ((eight - UINT64_C(0x0101010101010101)) & ~eight & UINT64_C(0x8080808080808080)) != 0;
}

struct word word_cut(struct word *rest, char separator) {
  /* Most words are short: to call a search for each would cost more. */
  size_t length = 0;
  while (length + 8 <= rest->length && !any_of_eight(rest->text + length, separator)) length += 8;
  while (length < rest->length && rest->text[length] != separator) length++;
  struct word word = {rest->text, length};
  size_t taken = length + (length < rest->length ? 1 : 0);
  rest->text += taken;
  rest->length -= taken;
  return word;
}
