/*
 * Running hashes of all kinds under one type, for the native modules that touch content. Knows
 * nothing of JavaScript or files.
 */
#ifndef HASH_H
#define HASH_H

#include <nettle/md4.h>
#include <nettle/md5.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <stddef.h>
#include <stdint.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define HASH_LENGTH_MAX 64

enum hash_kind {
  HASH_XXH64,
  HASH_XXH3,
  HASH_XXH128,
  HASH_MD4,
  HASH_MD5,
  HASH_SHA1,
  HASH_SHA256,
  HASH_SHA512
};

/* Aligned to 64 bytes (XXH3 asks for it): memory for it comes from aligned_alloc or the stack. */
struct hash {
  enum hash_kind kind;
  union {
    XXH64_state_t xxh64;
    XXH3_state_t xxh3;
    struct md4_ctx md4;
    struct md5_ctx md5;
    struct sha1_ctx sha1;
    struct sha256_ctx sha256;
    struct sha512_ctx sha512;
  } state;
};

/* The kind that the contract gives this name, or -1. */
int hash_kind_of(const char *name);
size_t hash_length(enum hash_kind kind);

void hash_begin(struct hash *hash, enum hash_kind kind);
void hash_update(struct hash *hash, const void *bytes, size_t count);
/* Writes hash_length(kind) bytes, as rsync puts them on the wire. */
void hash_finish(struct hash *hash, uint8_t *result);

/* The strong sum of one block with rsync's seed (checksum.c get_checksum2). */
void hash_seeded(enum hash_kind kind, const void *block, size_t count, int32_t seed,
                 uint8_t *result);

/* Lower-case hex of `count` bytes and a NUL. */
void hash_hex(const uint8_t *bytes, size_t count, char *text);

#endif
