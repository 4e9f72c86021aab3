/* Token streams with compression "zlibx"; see rebuild.h. */
#include "support/fuzz.h"
#include "support/rebuild.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  return fuzz_rebuild(COMPRESSION_ZLIBX, bytes, count);
}
