/* Token streams with compression "none"; see rebuild.h. */
#include "support/fuzz.h"
#include "support/rebuild.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  return fuzz_rebuild(COMPRESSION_NONE, bytes, count);
}
