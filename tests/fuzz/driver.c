/* One target under libFuzzer: compiled with -DFUZZ_TARGET=fuzz_NAME. */
#include "tests/fuzz/targets.h"

#ifdef FUZZ_TARGET
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  FUZZ_TARGET(data, size);
  return 0;
}
#else
typedef int fuzz_nothing; /* elsewhere there is nothing to this file */
#endif
