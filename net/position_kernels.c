/* Loops over positions, windows and parameters that are vectors; see kernels.h. */
#include "net/kernels.h"

#include "core/vector.h"

#define SYMO_KERNELS "net/position_kernels.inc"
#include "core/real.h"

void symo_kernel_spread(symo_dtype dtype, size_t count, size_t stride, const void *x, void *out) {
  SYMO_BY_TYPE(dtype, spread, count, stride, x, out);
}

void symo_kernel_collect(symo_dtype dtype, size_t count, size_t stride, const void *x, void *out) {
  SYMO_BY_TYPE(dtype, collect, count, stride, x, out);
}

void symo_kernel_raise(symo_dtype dtype, size_t count, size_t entry, const void *x, void *y,
                       void *chosen) {
  SYMO_BY_TYPE(dtype, raise, count, entry, x, y, chosen);
}

void symo_kernel_choose(symo_dtype dtype, size_t n, size_t k, size_t w, const void *chosen,
                        size_t entry, const void *x, bool clear, void *out) {
  SYMO_BY_TYPE(dtype, choose, n, k, w, chosen, entry, x, clear, out);
}

void symo_kernel_outer(symo_dtype dtype, size_t n, size_t k, size_t w, const void *x, const void *v,
                       void *out) {
  SYMO_BY_TYPE(dtype, outer, n, k, w, x, v, out);
}

void symo_kernel_inner(symo_dtype dtype, size_t n, size_t k, size_t w, const void *x, const void *t,
                       void *sum) {
  SYMO_BY_TYPE(dtype, inner, n, k, w, x, t, sum);
}
