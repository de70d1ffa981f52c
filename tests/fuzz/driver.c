/* One target under libFuzzer: compiled with -DFUZZ_TARGET=fuzz_NAME. */
#include "tests/fuzz/targets.h"

#ifdef FUZZ_TARGET
#include <unistd.h>

int LLVMFuzzerInitialize(int *count, char ***words);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libFuzzer closes standard error (-close_fd_mask=3), as the command line prints what is wrong with
 * it; a check that fails is told on this one. */
int LLVMFuzzerInitialize(int *count, char ***words) {
  (void)count;
  (void)words;
  fuzz_errors = dup(2);
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  FUZZ_TARGET(data, size);
  return 0;
}
#else
typedef int fuzz_nothing; /* elsewhere there is nothing to this file */
#endif
