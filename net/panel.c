/* Elementwise loops of the dense Hessian; see panel.h. */
#include "net/panel.h"

#include <string.h>

#include "core/linalg.h"

void symo_panel_extend(symo_dtype dtype, size_t n, size_t w, bool one, const void *x, void *out) {
  const size_t bytes = symo_dtype_size(dtype), width = w + (one ? 1 : 0);
  for (size_t r = 0; r < n; r++) {
    memcpy(symo_at(dtype, out, (ptrdiff_t)(r * width)), symo_at(dtype, x, (ptrdiff_t)(r * w)),
           w * bytes);
    if (one) symo_put(dtype, out, r * width + w, 1.0);
  }
}

#define SYMO_KERNELS "net/panel.inc"
#include "core/real.h"

void symo_panel_pairs(symo_dtype dtype, size_t n, size_t w, size_t j0, size_t j1, const void *x,
                      void *out) {
  SYMO_BY_TYPE(dtype, pairs, n, w, j0, j1, x, out);
}

void symo_panel_outer(symo_dtype dtype, size_t n, size_t w, size_t j0, size_t j1, const void *x,
                      size_t v, const void *y, void *out) {
  SYMO_BY_TYPE(dtype, outer, n, w, j0, j1, x, v, y, out);
}

void symo_panel_columns(symo_dtype dtype, size_t n, size_t stride, const void *x, size_t out_stride,
                        size_t count, void *out) {
  const size_t bytes = symo_dtype_size(dtype);
  for (size_t r = 0; r < n; r++)
    memcpy((char *)out + r * out_stride * bytes, (const char *)x + r * stride * bytes,
           count * bytes);
}

void symo_panel_form(symo_dtype dtype, size_t n, const symo_panel_units *units, size_t u0,
                     size_t u1, void *out) {
  SYMO_BY_TYPE(dtype, form, n, units, u0, u1, out);
}

void symo_panel_add(symo_dtype dtype, size_t count, const void *from, bool first, double *to) {
  if (dtype == SYMO_F64) {
    const double *x = from;
    if (first)
      memcpy(to, x, count * sizeof *x);
    else
      for (size_t i = 0; i < count; i++) to[i] += x[i];
  } else {
    const float *x = from;
    for (size_t i = 0; i < count; i++) to[i] = first ? (double)x[i] : to[i] + (double)x[i];
  }
}
