/* Elementwise loops.  Each is written once for float64 and once for float32, plain enough for the
 * compiler to vectorise; sums over examples of a loss are carried in double, in lanes.  Activations
 * of float32 are those of vecmath.c, of float64 those of the C library. */
#include "net/kernels.h"

#include <math.h>
#include <string.h>

#include "core/vector.h"
#include "net/vecmath.h"

enum { LANES = 8, ANY_BLOCK = 512 };

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
  if (density == 0.0) return z < 0.0 ? (jet){-0.0, 0.0, 0.0} : (jet){z, 1.0, 0.0};
  return (jet){z * cdf, cdf + z * density, (2.0 - z * z) * density};
}

/* z (1 + tanh u) / 2 with u = a (z + b z^3): y' = (1 + tanh u) / 2 + z s u' / 2 and y'' = s u' + z
 * s (u'' / 2 - tanh(u) u'^2), s = 1 / cosh(u)^2. */
static jet gelu_tanh_jet(double z) {
  const double a = 0.79788456080286535588, b = 0.044715;
  const double u = a * z * (1.0 + b * z * z), u1 = a * (1.0 + 3.0 * b * z * z);
  const double e = exp(-2.0 * fabs(u)), t = copysign((1.0 - e) / (1.0 + e), u);
  const double s = 4.0 * e / ((1.0 + e) * (1.0 + e)); /* 0 far out, where nothing else may count */
  const double half = u < 0.0 ? e / (1.0 + e) : 1.0 / (1.0 + e); /* (1 + tanh u) / 2 */
  if (s == 0.0) return z < 0.0 ? (jet){0.0, 0.0, 0.0} : (jet){z, 1.0, 0.0};
  return (jet){z * half, half + 0.5 * z * s * u1, s * u1 + z * s * (3.0 * a * b * z - t * u1 * u1)};
}

static jet linear_jet(double z) { return (jet){z, 1.0, 0.0}; }

typedef jet (*jet_function)(double);

static jet_function jet_of(symo_activation activation) {
  switch (activation) {
  case SYMO_ACT_TANH: return tanh_jet;
  case SYMO_ACT_RELU: return relu_jet;
  case SYMO_ACT_GELU: return gelu_jet;
  case SYMO_ACT_GELU_TANH: return gelu_tanh_jet;
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

/* A NaN passes through, with slope 0. */
SYMO_VECTOR static void relu_f32(size_t count, const float *z, float *y, float *d1) {
  if (d1 != NULL) {
    SYMO_ENTRIES
    for (size_t i = 0; i < count; i++) {
      d1[i] = z[i] > 0.0f ? 1.0f : 0.0f;
      y[i] = z[i] <= 0.0f ? 0.0f : z[i];
    }
  } else {
    SYMO_ENTRIES
    for (size_t i = 0; i < count; i++) y[i] = z[i] <= 0.0f ? 0.0f : z[i];
  }
}

static void fill_f32(size_t count, float value, float *x) {
  if (x == NULL) return;
  for (size_t i = 0; i < count; i++) x[i] = value;
}

static void activation_f32(symo_activation activation, size_t count, const float *z, float *y,
                           float *d1, float *d2) {
  switch (activation) {
  case SYMO_ACT_TANH: symo_vec_tanh_f32(count, z, y, d1, d2); return;
  case SYMO_ACT_GELU: symo_vec_gelu_f32(count, z, y, d1, d2); return;
  case SYMO_ACT_GELU_TANH: symo_vec_gelu_tanh_f32(count, z, y, d1, d2); return;
  case SYMO_ACT_RELU: relu_f32(count, z, y, d1); break;
  case SYMO_ACT_LINEAR:
    memmove(y, z, count * sizeof *y);
    fill_f32(count, 1.0f, d1);
    break;
  }
  fill_f32(count, 0.0f, d2);
}

void symo_kernel_activation(symo_dtype dtype, symo_activation activation, size_t count,
                            const void *z, void *y, void *d1, void *d2) {
  if (dtype == SYMO_F64)
    activation_f64(jet_of(activation), count, z, y, d1, d2);
  else
    activation_f32(activation, count, z, y, d1, d2);
}

/* ---- products by a factor per example ---- */

/* Of norms; norm.c has the mathematics. */
#define EPSILON 1e-5

typedef struct moments {
  double mean, product; /* of t; of x t, or of the square */
} moments;

#define SYMO_KERNELS "net/kernels.inc"
#include "core/real.h"

void symo_kernel_scale(symo_dtype dtype, size_t n, size_t k, size_t w, const void *d, const void *x,
                       void *out) {
  SYMO_BY_TYPE(dtype, scale, n, k, w, d, x, out);
}

void symo_kernel_curve(symo_dtype dtype, size_t n, size_t k, size_t w, const void *d, const void *c,
                       const void *t, void *out) {
  SYMO_BY_TYPE(dtype, curve, n, k, w, d, c, t, out);
}

void symo_kernel_add(symo_dtype dtype, size_t count, const void *x, const void *y, void *out) {
  SYMO_BY_TYPE(dtype, add, count, x, y, out);
}

/* ---- rows ---- */

void symo_kernel_fill_rows(symo_dtype dtype, size_t n, size_t w, const void *row, void *x) {
  const size_t bytes = w * symo_dtype_size(dtype);
  for (size_t r = 0; r < n; r++) memcpy((char *)x + r * bytes, row, bytes);
}

void symo_kernel_add_row(symo_dtype dtype, size_t n, size_t w, const void *row, void *x) {
  SYMO_BY_TYPE(dtype, add_row, n, w, row, x);
}

void symo_kernel_sum_rows(symo_dtype dtype, size_t n, size_t w, const void *x, void *sum) {
  SYMO_BY_TYPE(dtype, sum_rows, n, w, x, sum);
}

/* ---- losses ---- */

double symo_kernel_residual(symo_dtype dtype, size_t count, const void *f, const void *y,
                            void *delta) {
  return SYMO_BY_TYPE(dtype, residual, count, f, y, delta);
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

/* Sum of y, and of y (x - shift) over the entries with y != 0: a target of zero counts nothing,
 * whatever the logit. */
SYMO_VECTOR static double weigh_f32(size_t w, const float *x, double shift, const float *y,
                                    double *mass) {
  double part[LANES] = {0}, all[LANES] = {0}, sum = 0.0, total = 0.0;
  size_t i = 0;
  for (; i + LANES <= w; i += LANES) {
    SYMO_LANES
    for (size_t l = 0; l < LANES; l++) {
      const double by = (double)y[i + l], term = by * ((double)x[i + l] - shift);
      part[l] += by != 0.0 ? term : 0.0;
      all[l] += by;
    }
  }
  for (; i < w; i++) {
    total += (double)y[i];
    if (y[i] != 0.0f) sum += (double)y[i] * ((double)x[i] - shift);
  }
  for (size_t l = 0; l < LANES; l++) sum += part[l], total += all[l];
  *mass = total;
  return sum;
}

SYMO_VECTOR static void times_f32(size_t count, float factor, float *x) {
  for (size_t i = 0; i < count; i++) x[i] *= factor;
}

static double softmax_f32(size_t w, const float *f, const float *y, float *p) {
  const float top = symo_vec_max_f32(w, f);
  const double sum = symo_vec_exp_sum_f32(w, f, top, p);
  double mass = 0;
  const double loss = -weigh_f32(w, f, (double)top + log(sum), y, &mass);
  if (p != NULL) times_f32(w, (float)(mass / sum), p);
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
SYMO_VECTOR static void softmax_curve_f64(size_t n, size_t k, size_t w, const double *p,
                                          const double *t, double *out) {
  for (size_t r = 0; r < n; r++, p += w)
    for (size_t s = 0; s < k; s++, t += w, out += w) {
      double mean = 0.0, mass = 0.0;
      for (size_t i = 0; i < w; i++) mean += p[i] * t[i], mass += p[i];
      mean = mass != 0.0 ? mean / mass : 0.0;
      for (size_t i = 0; i < w; i++) out[i] = p[i] * (t[i] - mean);
    }
}

SYMO_VECTOR static void softmax_curve_f32(size_t n, size_t k, size_t w, const float *p,
                                          const float *t, float *out) {
  for (size_t r = 0; r < n; r++, p += w)
    for (size_t s = 0; s < k; s++, t += w, out += w) {
      double part[LANES] = {0}, all[LANES] = {0}, mean = 0.0, mass = 0.0;
      size_t i = 0;
      for (; i + LANES <= w; i += LANES) {
        SYMO_LANES
        for (size_t l = 0; l < LANES; l++) {
          part[l] += (double)p[i + l] * (double)t[i + l];
          all[l] += (double)p[i + l];
        }
      }
      for (; i < w; i++) mean += (double)p[i] * (double)t[i], mass += (double)p[i];
      for (size_t l = 0; l < LANES; l++) mean += part[l], mass += all[l];
      const float center = (float)(mass != 0.0 ? mean / mass : 0.0);
      SYMO_ENTRIES
      for (i = 0; i < w; i++) out[i] = p[i] * (t[i] - center);
    }
}

void symo_kernel_softmax_curve(symo_dtype dtype, size_t n, size_t k, size_t w, const void *p,
                               const void *t, void *out) {
  SYMO_BY_TYPE(dtype, softmax_curve, n, k, w, p, t, out);
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
  return SYMO_BY_TYPE(dtype, any, count, x);
}

/* ---- positions, windows, and parameters that are vectors ---- */

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

/* ---- single examples ---- */

void symo_kernel_pair(symo_dtype dtype, size_t rows, size_t cols, bool add, const void *d,
                      const void *a, void *g) {
  SYMO_BY_TYPE(dtype, pair, rows, cols, add, d, a, g);
}

void symo_kernel_sum_apart(symo_dtype dtype, size_t count, size_t w, size_t apart, const void *x,
                           void *sum) {
  SYMO_BY_TYPE(dtype, sum_apart, count, w, apart, x, sum);
}

void symo_kernel_score(symo_dtype dtype, size_t p, size_t n, size_t k, size_t w, const void *c,
                       const void *t, size_t all, size_t first, void *s) {
  SYMO_BY_TYPE(dtype, score, p, n, k, w, c, t, all, first, s);
}

void symo_kernel_unscore(symo_dtype dtype, size_t p, size_t n, size_t k, size_t w, const void *c,
                         size_t all, size_t first, const void *s, void *t) {
  SYMO_BY_TYPE(dtype, unscore, p, n, k, w, c, all, first, s, t);
}

/* ---- norms: means are carried in double, in lanes ---- */

SYMO_VECTOR static void normalise_f64(size_t n, size_t w, bool centre, const double *restrict x,
                                      double *restrict xhat, double *restrict scale) {
  for (size_t r = 0; r < n; r++, x += w, xhat += w) {
    const double mean = centre ? x[0] + norm_about_f64(w, x, x[0]).mean : 0.0;
    const double factor = 1.0 / sqrt(norm_about_f64(w, x, mean).product + EPSILON);
    for (size_t i = 0; i < w; i++) xhat[i] = (x[i] - mean) * factor;
    scale[r] = factor;
  }
}

/* In one pass about the first entry: float64 has the digits to spare for the square of a mean that
 * is as much as 10^4 times the deviation from it. */
SYMO_VECTOR static void normalise_f32(size_t n, size_t w, bool centre, const float *restrict x,
                                      float *restrict xhat, float *restrict scale) {
  for (size_t r = 0; r < n; r++, x += w, xhat += w) {
    const double shift = centre ? (double)x[0] : 0.0;
    const moments m = norm_about_f32(w, x, shift);
    const double mean = centre ? shift + m.mean : 0.0;
    const double square = centre ? m.product - m.mean * m.mean : m.product;
    const double factor = 1.0 / sqrt((square < 0.0 ? 0.0 : square) + EPSILON);
    for (size_t i = 0; i < w; i++) xhat[i] = (float)(((double)x[i] - mean) * factor);
    scale[r] = (float)factor;
  }
}

void symo_kernel_norm(symo_dtype dtype, size_t n, size_t w, bool centre, const void *x, void *xhat,
                      void *scale) {
  SYMO_BY_TYPE(dtype, normalise, n, w, centre, x, xhat, scale);
}

void symo_kernel_norm_apply(symo_dtype dtype, size_t n, size_t k, size_t w, bool centre,
                            const void *xhat, const void *scale, const void *t, void *out) {
  SYMO_BY_TYPE(dtype, norm_apply, n, k, w, centre, xhat, scale, t, out);
}

void symo_kernel_norm_curve(symo_dtype dtype, size_t n, size_t k, size_t w, bool centre,
                            const void *xhat, const void *scale, const void *p, const void *t,
                            void *out) {
  SYMO_BY_TYPE(dtype, norm_curve, n, k, w, centre, xhat, scale, p, t, out);
}
