/* Elementwise loops.  Each is written once for float64 and once for float32, plain enough for the
 * compiler to vectorise; sums over examples of a loss are carried in double. */
#include "experiments/net/kernels.h"

#include <math.h>

/* ---- activations ---- */

typedef struct jet {
  double y, d1, d2;
} jet;

static jet tanh_jet(double z) {
  double y = tanh(z), d1 = 1.0 - y * y;
  return (jet){y, d1, -2.0 * y * d1};
}

static jet relu_jet(double z) {
  /* A NaN passes through. */
  return z > 0.0 ? (jet){z, 1.0, 0.0} : (jet){z <= 0.0 ? 0.0 : z, 0.0, 0.0};
}

static jet gelu_jet(double z) {
  const double root_half = 0.70710678118654752440, density_at_0 = 0.39894228040143267794;
  double cdf = 0.5 * erfc(-z * root_half); /* accurate in the left tail too */
  double density = density_at_0 * exp(-0.5 * z * z);
  /* z * 0 is NaN at -infinity, where gelu is 0. */
  if (density == 0.0) return z < 0.0 ? (jet){z * cdf, cdf, 0.0} : (jet){z, 1.0, 0.0};
  return (jet){z * cdf, cdf + z * density, (2.0 - z * z) * density};
}

static jet linear_jet(double z) { return (jet){z, 1.0, 0.0}; }

typedef jet (*jet_function)(double);

static jet_function jet_of(symo_activation activation) {
  switch (activation) {
  case SYMO_ACT_TANH: return tanh_jet;
  case SYMO_ACT_RELU: return relu_jet;
  case SYMO_ACT_GELU: return gelu_jet;
  case SYMO_ACT_LINEAR: break;
  }
  return linear_jet;
}

static void activation_f64(jet_function at, size_t count, const double *z, double *y, double *d1,
                           double *d2) {
  for (size_t i = 0; i < count; i++) {
    jet j = at(z[i]);
    y[i] = j.y;
    if (d1 != NULL) d1[i] = j.d1;
    if (d2 != NULL) d2[i] = j.d2;
  }
}

static void activation_f32(jet_function at, size_t count, const float *z, float *y, float *d1,
                           float *d2) {
  for (size_t i = 0; i < count; i++) {
    jet j = at((double)z[i]);
    y[i] = (float)j.y;
    if (d1 != NULL) d1[i] = (float)j.d1;
    if (d2 != NULL) d2[i] = (float)j.d2;
  }
}

void symo_kernel_activation(symo_dtype dtype, symo_activation activation, size_t count,
                            const void *z, void *y, void *d1, void *d2) {
  if (dtype == SYMO_F64)
    activation_f64(jet_of(activation), count, z, y, d1, d2);
  else
    activation_f32(jet_of(activation), count, z, y, d1, d2);
}

/* ---- products by a factor per example ---- */

static void scale_f64(size_t n, size_t k, size_t w, const double *d, const double *x, double *out) {
  for (size_t r = 0; r < n; r++, d += w)
    for (size_t s = 0; s < k; s++, x += w, out += w)
      for (size_t i = 0; i < w; i++) out[i] = d[i] * x[i];
}

static void scale_f32(size_t n, size_t k, size_t w, const float *d, const float *x, float *out) {
  for (size_t r = 0; r < n; r++, d += w)
    for (size_t s = 0; s < k; s++, x += w, out += w)
      for (size_t i = 0; i < w; i++) out[i] = d[i] * x[i];
}

void symo_kernel_scale(symo_dtype dtype, size_t n, size_t k, size_t w, const void *d, const void *x,
                       void *out) {
  if (dtype == SYMO_F64)
    scale_f64(n, k, w, d, x, out);
  else
    scale_f32(n, k, w, d, x, out);
}

static void curve_f64(size_t n, size_t k, size_t w, const double *restrict d,
                      const double *restrict c, const double *restrict t, double *restrict out) {
  for (size_t r = 0; r < n; r++, d += w, c += w)
    for (size_t s = 0; s < k; s++, t += w, out += w)
      for (size_t i = 0; i < w; i++) out[i] += d[i] * c[i] * t[i];
}

static void curve_f32(size_t n, size_t k, size_t w, const float *restrict d,
                      const float *restrict c, const float *restrict t, float *restrict out) {
  for (size_t r = 0; r < n; r++, d += w, c += w)
    for (size_t s = 0; s < k; s++, t += w, out += w)
      for (size_t i = 0; i < w; i++) out[i] += d[i] * c[i] * t[i];
}

void symo_kernel_curve(symo_dtype dtype, size_t n, size_t k, size_t w, const void *d, const void *c,
                       const void *t, void *out) {
  if (dtype == SYMO_F64)
    curve_f64(n, k, w, d, c, t, out);
  else
    curve_f32(n, k, w, d, c, t, out);
}

/* ---- rows ---- */

/* x[r,:] += row, or with `sum`, row += x[r,:]. */
static void rows_f64(size_t n, size_t w, double *restrict row, double *restrict x, bool sum) {
  for (size_t r = 0; r < n; r++, x += w)
    if (sum)
      for (size_t i = 0; i < w; i++) row[i] += x[i];
    else
      for (size_t i = 0; i < w; i++) x[i] += row[i];
}

static void rows_f32(size_t n, size_t w, float *restrict row, float *restrict x, bool sum) {
  for (size_t r = 0; r < n; r++, x += w)
    if (sum)
      for (size_t i = 0; i < w; i++) row[i] += x[i];
    else
      for (size_t i = 0; i < w; i++) x[i] += row[i];
}

static void rows_any(symo_dtype dtype, size_t n, size_t w, void *row, void *x, bool sum) {
  if (dtype == SYMO_F64)
    rows_f64(n, w, row, x, sum);
  else
    rows_f32(n, w, row, x, sum);
}

void symo_kernel_add_row(symo_dtype dtype, size_t n, size_t w, const void *row, void *x) {
  rows_any(dtype, n, w, (void *)(uintptr_t)row, x, false);
}

void symo_kernel_sum_rows(symo_dtype dtype, size_t n, size_t w, const void *x, void *sum) {
  rows_any(dtype, n, w, sum, (void *)(uintptr_t)x, true);
}

/* ---- losses ---- */

static double residual_f64(size_t count, const double *f, const double *y, double *delta) {
  double sum = 0.0;
  for (size_t i = 0; i < count; i++) {
    double e = f[i] - y[i];
    sum += e * e;
    if (delta != NULL) delta[i] = e;
  }
  return sum;
}

static double residual_f32(size_t count, const float *f, const float *y, float *delta) {
  double sum = 0.0;
  for (size_t i = 0; i < count; i++) {
    float e = f[i] - y[i];
    sum += (double)e * (double)e;
    if (delta != NULL) delta[i] = e;
  }
  return sum;
}

double symo_kernel_residual(symo_dtype dtype, size_t count, const void *f, const void *y,
                            void *delta) {
  return dtype == SYMO_F64 ? residual_f64(count, f, y, delta) : residual_f32(count, f, y, delta);
}

static double softmax_f64(size_t w, const double *f, const double *y, double *p) {
  double top = f[0], sum = 0.0, mass = 0.0, loss = 0.0;
  for (size_t i = 1; i < w; i++) top = f[i] > top ? f[i] : top;
  for (size_t i = 0; i < w; i++) sum += exp(f[i] - top);
  double log_sum = log(sum);
  for (size_t i = 0; i < w; i++) {
    mass += y[i];
    /* A target of zero counts nothing, whatever the logit. */
    if (y[i] != 0.0) loss -= y[i] * (f[i] - top - log_sum);
  }
  if (p != NULL)
    for (size_t i = 0; i < w; i++) p[i] = mass * exp(f[i] - top - log_sum);
  return loss;
}

static double softmax_f32(size_t w, const float *f, const float *y, float *p) {
  double top = (double)f[0], sum = 0.0, mass = 0.0, loss = 0.0;
  for (size_t i = 1; i < w; i++) top = (double)f[i] > top ? (double)f[i] : top;
  for (size_t i = 0; i < w; i++) sum += exp((double)f[i] - top);
  double log_sum = log(sum);
  for (size_t i = 0; i < w; i++) {
    mass += (double)y[i];
    if (y[i] != 0.0f) loss -= (double)y[i] * ((double)f[i] - top - log_sum);
  }
  if (p != NULL)
    for (size_t i = 0; i < w; i++) p[i] = (float)(mass * exp((double)f[i] - top - log_sum));
  return loss;
}

double symo_kernel_softmax(symo_dtype dtype, size_t n, size_t w, const void *f, const void *y,
                           void *p) {
  double loss = 0.0;
  for (size_t r = 0; r < n; r++)
    if (dtype == SYMO_F64)
      loss += softmax_f64(w, (const double *)f + r * w, (const double *)y + r * w,
                          p == NULL ? NULL : (double *)p + r * w);
    else
      loss += softmax_f32(w, (const float *)f + r * w, (const float *)y + r * w,
                          p == NULL ? NULL : (float *)p + r * w);
  return loss;
}

/* p' t / sum p comes first; rows with sum p = 0 (targets that are all zero) have no curvature. */
static void softmax_curve_f64(size_t n, size_t k, size_t w, const double *p, const double *t,
                              double *out) {
  for (size_t r = 0; r < n; r++, p += w)
    for (size_t s = 0; s < k; s++, t += w, out += w) {
      double mean = 0.0, mass = 0.0;
      for (size_t i = 0; i < w; i++) mean += p[i] * t[i], mass += p[i];
      mean = mass != 0.0 ? mean / mass : 0.0;
      for (size_t i = 0; i < w; i++) out[i] = p[i] * (t[i] - mean);
    }
}

static void softmax_curve_f32(size_t n, size_t k, size_t w, const float *p, const float *t,
                              float *out) {
  for (size_t r = 0; r < n; r++, p += w)
    for (size_t s = 0; s < k; s++, t += w, out += w) {
      double mean = 0.0, mass = 0.0;
      for (size_t i = 0; i < w; i++) {
        mean += (double)p[i] * (double)t[i];
        mass += (double)p[i];
      }
      float center = (float)(mass != 0.0 ? mean / mass : 0.0);
      for (size_t i = 0; i < w; i++) out[i] = p[i] * (t[i] - center);
    }
}

void symo_kernel_softmax_curve(symo_dtype dtype, size_t n, size_t k, size_t w, const void *p,
                               const void *t, void *out) {
  if (dtype == SYMO_F64)
    softmax_curve_f64(n, k, w, p, t, out);
  else
    softmax_curve_f32(n, k, w, p, t, out);
}

/* ---- conversions ---- */

void symo_kernel_from_double(symo_dtype dtype, size_t count, const double *x, void *out) {
  if (dtype == SYMO_F64)
    for (size_t i = 0; i < count; i++) ((double *)out)[i] = x[i];
  else
    for (size_t i = 0; i < count; i++) ((float *)out)[i] = (float)x[i];
}

void symo_kernel_to_double(symo_dtype dtype, size_t count, const void *x, double *out) {
  if (dtype == SYMO_F64)
    for (size_t i = 0; i < count; i++) out[i] = ((const double *)x)[i];
  else
    for (size_t i = 0; i < count; i++) out[i] = (double)((const float *)x)[i];
}

bool symo_kernel_any(symo_dtype dtype, size_t count, const void *x) {
  if (dtype == SYMO_F64) {
    for (size_t i = 0; i < count; i++)
      if (((const double *)x)[i] != 0.0) return true;
  } else {
    for (size_t i = 0; i < count; i++)
      if (((const float *)x)[i] != 0.0f) return true;
  }
  return false;
}
