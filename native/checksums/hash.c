/* Running hashes over nettle and xxHash; see hash.h for what each function promises. */
#include "hash.h"

#include <string.h>

static const struct {
  const char *name;
  size_t length;
} kinds[] = {
    [HASH_XXH64] = {"xxh64", 8},    [HASH_XXH3] = {"xxh3", 8},      [HASH_XXH128] = {"xxh128", 16},
    [HASH_MD4] = {"md4", 16},       [HASH_MD5] = {"md5", 16},       [HASH_SHA1] = {"sha1", 20},
    [HASH_SHA256] = {"sha256", 32}, [HASH_SHA512] = {"sha512", 64},
};

int hash_kind_of(const char *name) {
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (strcmp(kinds[i].name, name) == 0) return (int)i;
  }
  return -1;
}

size_t hash_length(enum hash_kind kind) { return kinds[kind].length; }

static void put64(uint8_t *bytes, uint64_t value) {
  for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(value >> 8 * i);
}

/* rsync sends the low half first, both little-endian: the reverse of xxHash's canonical form. */
static void put128(uint8_t *bytes, XXH128_hash_t value) {
  put64(bytes, value.low64);
  put64(bytes + 8, value.high64);
}

void hash_begin(struct hash *hash, enum hash_kind kind) {
  hash->kind = kind;
  switch (kind) {
    case HASH_XXH64: XXH64_reset(&hash->state.xxh64, 0); break;
    case HASH_XXH3: XXH3_64bits_reset(&hash->state.xxh3); break;
    case HASH_XXH128: XXH3_128bits_reset(&hash->state.xxh3); break;
    case HASH_MD4: md4_init(&hash->state.md4); break;
    case HASH_MD5: md5_init(&hash->state.md5); break;
    case HASH_SHA1: sha1_init(&hash->state.sha1); break;
    case HASH_SHA256: sha256_init(&hash->state.sha256); break;
    case HASH_SHA512: sha512_init(&hash->state.sha512); break;
  }
}

void hash_update(struct hash *hash, const void *bytes, size_t count) {
  if (count == 0) return;
  switch (hash->kind) {
    case HASH_XXH64: XXH64_update(&hash->state.xxh64, bytes, count); break;
    case HASH_XXH3: XXH3_64bits_update(&hash->state.xxh3, bytes, count); break;
    case HASH_XXH128: XXH3_128bits_update(&hash->state.xxh3, bytes, count); break;
    case HASH_MD4: md4_update(&hash->state.md4, count, bytes); break;
    case HASH_MD5: md5_update(&hash->state.md5, count, bytes); break;
    case HASH_SHA1: sha1_update(&hash->state.sha1, count, bytes); break;
    case HASH_SHA256: sha256_update(&hash->state.sha256, count, bytes); break;
    case HASH_SHA512: sha512_update(&hash->state.sha512, count, bytes); break;
  }
}

void hash_finish(struct hash *hash, uint8_t *result) {
  switch (hash->kind) {
    case HASH_XXH64: put64(result, XXH64_digest(&hash->state.xxh64)); break;
    case HASH_XXH3: put64(result, XXH3_64bits_digest(&hash->state.xxh3)); break;
    case HASH_XXH128: put128(result, XXH3_128bits_digest(&hash->state.xxh3)); break;
    case HASH_MD4: md4_digest(&hash->state.md4, MD4_DIGEST_SIZE, result); break;
    case HASH_MD5: md5_digest(&hash->state.md5, MD5_DIGEST_SIZE, result); break;
    case HASH_SHA1: sha1_digest(&hash->state.sha1, SHA1_DIGEST_SIZE, result); break;
    case HASH_SHA256: sha256_digest(&hash->state.sha256, SHA256_DIGEST_SIZE, result); break;
    case HASH_SHA512: sha512_digest(&hash->state.sha512, SHA512_DIGEST_SIZE, result); break;
  }
}

void hash_seeded(enum hash_kind kind, const void *block, size_t count, int32_t seed,
                 uint8_t *result) {
  uint64_t wide_seed = (uint64_t)(int64_t)seed;
  if (kind == HASH_XXH64) {
    put64(result, XXH64(block, count, wide_seed));
  } else if (kind == HASH_XXH3) {
    put64(result, XXH3_64bits_withSeed(block, count, wide_seed));
  } else if (kind == HASH_XXH128) {
    put128(result, XXH3_128bits_withSeed(block, count, wide_seed));
  } else {
    uint8_t seed_bytes[8];
    put64(seed_bytes, wide_seed);
    size_t seed_length = seed == 0 ? 0 : 4;
    struct hash hash;
    hash_begin(&hash, kind);
    // MD4 is the one where rsync appends the seed.
    if (kind != HASH_MD4) hash_update(&hash, seed_bytes, seed_length);
    hash_update(&hash, block, count);
    if (kind == HASH_MD4) hash_update(&hash, seed_bytes, seed_length);
    hash_finish(&hash, result);
  }
}

void hash_hex(const uint8_t *bytes, size_t count, char *text) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < count; i++) {
    text[2 * i] = digits[bytes[i] >> 4];
    text[2 * i + 1] = digits[bytes[i] & 15];
  }
  text[2 * count] = 0;
}
