/* Ed25519 by nettle. The messages are statements of a few hundred bytes: nothing here streams. */
#include <nettle/eddsa.h>
#include <nettle/mini-gmp.h>
#include <stdlib.h>

#include "fail.h"
#include "module.h"

/* The memory of the library's large numbers. It can't report a failure: the library's own functions abort, too. */
static void *number_new(size_t size) {
  void *block = malloc(size);
  if (!block) out_of_memory();
  return block;
}

static void *number_resize(void *block, UNUSED size_t old_size, size_t size) {
  void *larger = realloc(block, size);
  if (!larger) out_of_memory();
  return larger;
}

static void number_free(void *block, UNUSED size_t size) { free(block); }

static int signatures_prepare(UNUSED JSContext *context, UNUSED JSModuleDef *module) {
  mp_set_memory_functions(number_new, number_resize, number_free);
  return 0;
}

/* All of a Uint8Array of exactly this length; -1 with an exception. */
static int exact_bytes(JSContext *context, JSValueConst array, size_t length, const char *what,
                       uint8_t **bytes) {
  size_t count;
  if (buffer_whole(context, array, bytes, &count)) return -1;
  if (count == length) return 0;
  JS_ThrowRangeError(context, "%s has %zu bytes; %zu were expected", what, count, length);
  return -1;
}

static NATIVE(signatures_verify) {
  uint8_t *key, *message, *signature;
  size_t length;
  if (exact_bytes(context, arguments[0], ED25519_KEY_SIZE, "the public key", &key) ||
      exact_bytes(context, arguments[2], ED25519_SIGNATURE_SIZE, "the signature", &signature) ||
      buffer_whole(context, arguments[1], &message, &length)) {
    return JS_EXCEPTION;
  }
  return JS_NewBool(context, ed25519_sha512_verify(key, length, message, signature));
}

static NATIVE(signatures_sign) {
  uint8_t *key, *message, signature[ED25519_SIGNATURE_SIZE];
  size_t length;
  if (exact_bytes(context, arguments[0], 2 * ED25519_KEY_SIZE, "the secret key", &key) ||
      buffer_whole(context, arguments[1], &message, &length)) {
    return JS_EXCEPTION;
  }
  ed25519_sha512_sign(key + ED25519_KEY_SIZE, key, length, message, signature);
  return buffer_new(context, signature, sizeof signature);
}

static NATIVE(signatures_public_key) {
  uint8_t *seed, key[ED25519_KEY_SIZE];
  if (exact_bytes(context, arguments[0], ED25519_KEY_SIZE, "the seed", &seed)) return JS_EXCEPTION;
  ed25519_sha512_public_key(key, seed);
  return buffer_new(context, key, sizeof key);
}

static const JSCFunctionListEntry signatures_functions[] = {
    JS_CFUNC_DEF("verify", 3, signatures_verify),
    JS_CFUNC_DEF("sign", 2, signatures_sign),
    JS_CFUNC_DEF("publicKey", 1, signatures_public_key),
};

MODULE_WITH(signatures, signatures_functions, signatures_prepare)
