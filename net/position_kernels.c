/* Loops over positions, windows and parameters that are vectors; see kernels.h. */
#include "net/kernels.h"

#include "core/vector.h"

SYMO_VECTOR static void spread_f64(size_t count, size_t stride, const double *restrict x,
                                   double *restrict out) {
  for (size_t i = 0; i < count; i++) out[i * stride] = x != NULL ? x[i] : 0;
}

SYMO_VECTOR static void spread_f32(size_t count, size_t stride, const float *restrict x,
                                   float *restrict out) {
  for (size_t i = 0; i < count; i++) out[i * stride] = x != NULL ? x[i] : 0;
}

void symo_kernel_spread(symo_dtype dtype, size_t count, size_t stride, const void *x, void *out) {
  if (dtype == SYMO_F64)
    spread_f64(count, stride, x, out);
  else
    spread_f32(count, stride, x, out);
}

SYMO_VECTOR static void collect_f64(size_t count, size_t stride, const double *restrict x,
                                    double *restrict out) {
  for (size_t i = 0; i < count; i++) out[i] += x[i * stride];
}

SYMO_VECTOR static void collect_f32(size_t count, size_t stride, const float *restrict x,
                                    float *restrict out) {
  for (size_t i = 0; i < count; i++) out[i] += x[i * stride];
}

void symo_kernel_collect(symo_dtype dtype, size_t count, size_t stride, const void *x, void *out) {
  if (dtype == SYMO_F64)
    collect_f64(count, stride, x, out);
  else
    collect_f32(count, stride, x, out);
}

SYMO_VECTOR static void raise_f64(size_t count, size_t entry, const double *restrict x,
                                  double *restrict y, double *restrict chosen) {
  for (size_t i = 0; i < count; i++)
    if (entry == 0 || x[i] > y[i] || x[i] != x[i]) y[i] = x[i], chosen[i] = (double)entry;
}

SYMO_VECTOR static void raise_f32(size_t count, size_t entry, const float *restrict x,
                                  float *restrict y, float *restrict chosen) {
  for (size_t i = 0; i < count; i++)
    if (entry == 0 || x[i] > y[i] || x[i] != x[i]) y[i] = x[i], chosen[i] = (float)entry;
}

void symo_kernel_raise(symo_dtype dtype, size_t count, size_t entry, const void *x, void *y,
                       void *chosen) {
  if (dtype == SYMO_F64)
    raise_f64(count, entry, x, y, chosen);
  else
    raise_f32(count, entry, x, y, chosen);
}

SYMO_VECTOR static void choose_f64(size_t n, size_t k, size_t w, const double *restrict chosen,
                                   size_t entry, const double *restrict x, bool clear,
                                   double *restrict out) {
  const double wanted = (double)entry;
  for (size_t r = 0; r < n; r++, chosen += w)
    for (size_t s = 0; s < k; s++, x += w, out += w)
      for (size_t i = 0; i < w; i++) {
        double other = clear ? 0 : out[i];
        out[i] = chosen[i] == wanted ? x[i] : other;
      }
}

SYMO_VECTOR static void choose_f32(size_t n, size_t k, size_t w, const float *restrict chosen,
                                   size_t entry, const float *restrict x, bool clear,
                                   float *restrict out) {
  const float wanted = (float)entry;
  for (size_t r = 0; r < n; r++, chosen += w)
    for (size_t s = 0; s < k; s++, x += w, out += w)
      for (size_t i = 0; i < w; i++) {
        float other = clear ? 0 : out[i];
        out[i] = chosen[i] == wanted ? x[i] : other;
      }
}

void symo_kernel_choose(symo_dtype dtype, size_t n, size_t k, size_t w, const void *chosen,
                        size_t entry, const void *x, bool clear, void *out) {
  if (dtype == SYMO_F64)
    choose_f64(n, k, w, chosen, entry, x, clear, out);
  else
    choose_f32(n, k, w, chosen, entry, x, clear, out);
}

SYMO_VECTOR static void outer_f64(size_t n, size_t k, size_t w, const double *restrict x,
                                  const double *restrict v, double *restrict out) {
  for (size_t r = 0; r < n; r++, x += w)
    for (size_t s = 0; s < k; s++, out += w)
      for (size_t i = 0; i < w; i++) out[i] += x[i] * v[s * w + i];
}

SYMO_VECTOR static void outer_f32(size_t n, size_t k, size_t w, const float *restrict x,
                                  const float *restrict v, float *restrict out) {
  for (size_t r = 0; r < n; r++, x += w)
    for (size_t s = 0; s < k; s++, out += w)
      for (size_t i = 0; i < w; i++) out[i] += x[i] * v[s * w + i];
}

void symo_kernel_outer(symo_dtype dtype, size_t n, size_t k, size_t w, const void *x, const void *v,
                       void *out) {
  if (dtype == SYMO_F64)
    outer_f64(n, k, w, x, v, out);
  else
    outer_f32(n, k, w, x, v, out);
}

SYMO_VECTOR static void inner_f64(size_t n, size_t k, size_t w, const double *restrict x,
                                  const double *restrict t, double *restrict sum) {
  for (size_t r = 0; r < n; r++, x += w)
    for (size_t s = 0; s < k; s++, t += w)
      for (size_t i = 0; i < w; i++) sum[s * w + i] += x[i] * t[i];
}

SYMO_VECTOR static void inner_f32(size_t n, size_t k, size_t w, const float *restrict x,
                                  const float *restrict t, float *restrict sum) {
  for (size_t r = 0; r < n; r++, x += w)
    for (size_t s = 0; s < k; s++, t += w)
      for (size_t i = 0; i < w; i++) sum[s * w + i] += x[i] * t[i];
}

void symo_kernel_inner(symo_dtype dtype, size_t n, size_t k, size_t w, const void *x, const void *t,
                       void *sum) {
  if (dtype == SYMO_F64)
    inner_f64(n, k, w, x, t, sum);
  else
    inner_f32(n, k, w, x, t, sum);
}
