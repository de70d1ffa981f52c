/* Kernels of squares: each instruction set that the machine has against a sum in float64, and against the
 * others bit by bit. */
#include <math.h>
#include <string.h>

#include "core/linalg.h"
#include "core/vector.h"
#include "tests/support/testing.h"
#include "tests/support/vectors.h"

#define SYMO_KERNELS "core/squares.inc"
#include "core/real.h"

enum { MOST = 128 };

/* By the kernel of number `set`, the last being the one that the machine gets; false: it has not that. */
static bool square(int set, symo_dtype dtype, size_t n, const void *p, void *y) {
  switch (set) {
  case 0: SYMO_BY_TYPE(dtype, square_128, n, -0.75, p, y); return true;
#ifdef SYMO_TARGET
  case 1:
    if (!__builtin_cpu_supports("avx2")) return false;
    SYMO_BY_TYPE(dtype, square_256, n, -0.75, p, y);
    return true;
  case 2:
    if (!__builtin_cpu_supports("avx512f")) return false;
    SYMO_BY_TYPE(dtype, square_512, n, -0.75, p, y);
    return true;
#endif
  case 3: SYMO_BY_TYPE(dtype, square, n, -0.75, p, y); return true;
  default: return false;
  }
}

static void check(symo_rng *rng, symo_dtype dtype, size_t n) {
  const size_t bytes = n * n * sizeof(double), item = symo_dtype_size(dtype);
  double *a = malloc(bytes);
  char *p = malloc(bytes), *y = malloc(bytes), *first = malloc(bytes);
  cr_assert(a != NULL && p != NULL && y != NULL && first != NULL);
  symo_test_randn(rng, a, n * n);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++) a[j * n + i] = a[i * n + j];
  symo_test_pack(dtype, a, p, n * n);
  for (int set = 0; set < 4; set++) {
    memset(y, 0xff, bytes); /* NaN */
    if (!square(set, dtype, n, p, y)) continue;
    if (set == 0) memcpy(first, y, bytes);
    double off = 0, all = 0;
    for (size_t i = 0; i < n; i++) {
      cr_assert(memcmp(y + i * n * item, first + i * n * item, (i + 1) * item) == 0,
                "set %d, n = %zu: row %zu has other bits", set, n, i);
      for (size_t j = 0; j <= i; j++) {
        double want = 0;
        for (size_t k = 0; k < n; k++)
          want += symo_get(dtype, p, i * n + k) * symo_get(dtype, p, k * n + j);
        off += pow(symo_get(dtype, y, i * n + j) + 0.75 * want, 2), all += want * want;
      }
    }
    cr_assert(sqrt(off / all) <= symo_test_bound(dtype, n, 1), "set %d, n = %zu: %g", set, n,
              sqrt(off / all));
  }
  free(a), free(p), free(y), free(first);
}

Test(squares, every_instruction_set_has_the_same_bits) {
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 5);
  for (size_t n = 16; n <= MOST; n += 16)
    for (int k = 0; k < 2; k++) check(rng, k == 0 ? SYMO_F32 : SYMO_F64, n);
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}
