/*
 * Ed25519 (native/signatures): no key, signature and message make anything but an answer; what was signed
 * is genuine, and with one bit of anything altered it is not.
 */
#include "../../native/signatures/signatures.c"

#include <string.h>

#include "support/fuzz.h"

static uint8_t key[ED25519_KEY_SIZE], signature[ED25519_SIGNATURE_SIZE];

/* 1 if it is genuine, 0 if not. */
static int verify(const uint8_t *message, size_t length) {
  JSContext *context = fuzz_context();
  JSValue given[] = {buffer_new(context, key, sizeof key), buffer_new(context, message, length),
                     buffer_new(context, signature, sizeof signature)};
  JSValue answer = fuzz_call(signatures_verify, 3, given);
  CHECK(JS_IsBool(answer));
  for (size_t i = 0; i < COUNT_OF(given); i++) JS_FreeValue(context, given[i]);
  return JS_ToBool(context, answer);
}

static void copy_out(JSValue array, uint8_t *target, size_t size) {
  uint8_t *bytes;
  size_t count;
  CHECK(buffer_whole(fuzz_context(), array, &bytes, &count) == 0 && count == size);
  memcpy(target, bytes, size);
}

/* Signs with the secret key that the seed makes, and leaves the key and the signature. */
static void sign(const uint8_t *seed, const uint8_t *message, size_t length) {
  JSContext *context = fuzz_context();
  uint8_t secret[2 * ED25519_KEY_SIZE];
  JSValue given = buffer_new(context, seed, ED25519_KEY_SIZE);
  JSValue made = fuzz_call(signatures_public_key, 1, &given);
  copy_out(made, key, sizeof key);
  fuzz_drop(made);
  fuzz_drop(given);
  memcpy(secret, seed, ED25519_KEY_SIZE);
  memcpy(secret + ED25519_KEY_SIZE, key, sizeof key);
  JSValue both[] = {buffer_new(context, secret, sizeof secret),
                    buffer_new(context, message, length)};
  made = fuzz_call(signatures_sign, 2, both);
  copy_out(made, signature, sizeof signature);
  fuzz_drop(made);
  fuzz_drop(both[0]);
  fuzz_drop(both[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  CHECK(signatures_prepare(fuzz_context(), NULL) == 0);
  struct input input = {bytes, count};
  uint8_t seed[ED25519_KEY_SIZE];
  uint16_t altered = input_short(&input);
  for (size_t i = 0; i < sizeof seed; i++) seed[i] = input_byte(&input);
  uint8_t *message = exact_copy(input.bytes, input.count);
  sign(seed, message, input.count);
  CHECK(verify(message, input.count) == 1);
  size_t bit = altered % (8 * (sizeof key + sizeof signature + input.count));
  size_t at = bit / 8;
  uint8_t mask = (uint8_t)(1 << bit % 8);
  if (at < sizeof key) key[at] ^= mask;
  else if (at < sizeof key + sizeof signature) signature[at - sizeof key] ^= mask;
  else message[at - sizeof key - sizeof signature] ^= mask;
  CHECK(verify(message, input.count) == 0);
  /* Keys and signatures that nobody made. */
  memcpy(key, seed, sizeof key);
  for (size_t i = 0; i < sizeof signature && i < input.count; i++) signature[i] = message[i];
  verify(message, input.count);
  free(message);
  return 0;
}
