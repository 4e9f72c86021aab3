/*
 * Content and its checksums (native/checksums): in pieces as in whole, for each kind of hash, and a file as
 * the bytes that it holds.
 */
#include <stdlib.h>
#include <string.h>

#include "../../native/checksums/content.h"
#include "../../native/checksums/hash.h"
#include "support/fuzz.h"

static void in_pieces(enum hash_kind kind, struct input input, size_t piece, uint8_t *result) {
  struct hash hash;
  hash_begin(&hash, kind);
  for (size_t at = 0; at < input.count; at += piece) {
    size_t length = input.count - at < piece ? input.count - at : piece;
    uint8_t *copy = exact_copy(input.bytes + at, length);
    hash_update(&hash, copy, length);
    free(copy);
  }
  hash_finish(&hash, result);
}

static void check_file(struct input input, int64_t size_max) {
  static int file = -1, copy = -1;
  int64_t size;
  char digest[65], wanted[65];
  const char *call;
  uint8_t bytes[HASH_LENGTH_MAX];
  int source = memory_file(&file, input.bytes, input.count), target = memory_file(&copy, NULL, 0);
  int failed = content_digest(source, target, size_max, &size, digest, &call);
  CHECK(failed == ((int64_t)input.count > size_max ? -1 : 0));
  if (failed) return;
  in_pieces(HASH_SHA256, input, input.count + 1, bytes);
  hash_hex(bytes, 32, wanted);
  CHECK(size == (int64_t)input.count && strcmp(digest, wanted) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  struct input input = {bytes, count};
  size_t piece = (size_t)input_short(&input) + 1;
  int64_t size_max = input_short(&input);
  for (int kind = HASH_XXH64; kind <= HASH_SHA512; kind++) {
    uint8_t whole[HASH_LENGTH_MAX], pieces[HASH_LENGTH_MAX], seeded[HASH_LENGTH_MAX];
    in_pieces((enum hash_kind)kind, input, input.count + 1, whole);
    in_pieces((enum hash_kind)kind, input, piece, pieces);
    hash_seeded((enum hash_kind)kind, input.bytes, input.count, 0, seeded);
    size_t length = hash_length((enum hash_kind)kind);
    CHECK(memcmp(whole, pieces, length) == 0 && memcmp(whole, seeded, length) == 0);
  }
  check_file(input, size_max);
  return 0;
}
