/*
 * Addresses (native/sockets/addresses.c): of a datagram's sender, of a look-up's answer, and in words. What
 * comes out as an address is read as the same one again.
 */
#include "../../native/sockets/addresses.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "support/fuzz.h"

static void check_address(const struct sockaddr_storage *storage, socklen_t length) {
  JSContext *context = fuzz_context();
  JSValue value = address_to_js(context, (const struct sockaddr *)storage, length);
  CHECK(!JS_IsException(value));
  struct socket_address again;
  bool is_scoped =
      storage->ss_family == AF_INET6 && ((const struct sockaddr_in6 *)storage)->sin6_scope_id != 0;
  if (JS_IsObject(value) && !is_scoped && address_from_js(context, "fuzz", value, &again) == 0) {
    CHECK(again.any.sa_family == storage->ss_family);
    if (storage->ss_family == AF_INET) {
      const struct sockaddr_in *one = (const struct sockaddr_in *)storage;
      const struct sockaddr_in *other = (const struct sockaddr_in *)&again.storage;
      CHECK(one->sin_addr.s_addr == other->sin_addr.s_addr && one->sin_port == other->sin_port);
    }
  }
  fuzz_drop(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  struct input input = {bytes, count};
  struct sockaddr_storage storage = {0};
  uint8_t choice = input_byte(&input);
  socklen_t length = sizeof storage;
  if (input.count < length) length = (socklen_t)input.count;
  if (length) memcpy(&storage, input.bytes, length);
  if (choice & 1) storage.ss_family = choice & 2 ? AF_INET : AF_INET6;
  check_address(&storage, choice & 4 ? length : sizeof storage);
  char *literal = malloc(input.count + 1);
  CHECK(literal);
  if (input.count) memcpy(literal, input.bytes, input.count);
  literal[input.count] = 0;
  struct socket_address address;
  if (address_of_literal(fuzz_context(), "fuzz", literal, 1 + choice * 255, &address) == 0) {
    CHECK(address.any.sa_family == AF_INET || address.any.sa_family == AF_INET6);
    CHECK(address.length <= sizeof address.storage && memchr(address.name, 0, sizeof address.name));
    check_address(&address.storage, address.length);
  }
  fuzz_drop(JS_UNDEFINED);
  free(literal);
  return 0;
}
