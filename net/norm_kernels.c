/* Rows of norms; norm.c has the mathematics.  Means are carried in double, in lanes. */
#include "net/kernels.h"

#include <math.h>

#include "core/vector.h"

#define EPSILON 1e-5

enum { LANES = 8 };

typedef struct moments {
  double mean, product; /* of t; of x t, or of the square */
} moments;

/* Means of t and of x t. */
SYMO_INLINE moments mean_f64(size_t w, const double *restrict x, const double *restrict t) {
  double a[LANES] = {0}, b[LANES] = {0}, first = 0.0, second = 0.0;
  size_t i = 0;
  for (; i + LANES <= w; i += LANES) {
    SYMO_LANES
    for (size_t l = 0; l < LANES; l++) {
      a[l] += t[i + l];
      b[l] += x[i + l] * t[i + l];
    }
  }
  for (; i < w; i++) {
    first += t[i];
    second += x[i] * t[i];
  }
  for (size_t l = 0; l < LANES; l++) first += a[l], second += b[l];
  return (moments){first / (double)w, second / (double)w};
}

/* Mean and mean square of x - shift. */
SYMO_INLINE moments about_f64(size_t w, const double *x, double shift) {
  double a[LANES] = {0}, b[LANES] = {0}, first = 0.0, second = 0.0;
  size_t i = 0;
  for (; i + LANES <= w; i += LANES) {
    SYMO_LANES
    for (size_t l = 0; l < LANES; l++) {
      const double d = x[i + l] - shift;
      a[l] += d;
      b[l] += d * d;
    }
  }
  for (; i < w; i++) {
    const double d = x[i] - shift;
    first += d;
    second += d * d;
  }
  for (size_t l = 0; l < LANES; l++) first += a[l], second += b[l];
  return (moments){first / (double)w, second / (double)w};
}

SYMO_INLINE moments mean_f32(size_t w, const float *restrict x, const float *restrict t) {
  double a[LANES] = {0}, b[LANES] = {0}, first = 0.0, second = 0.0;
  size_t i = 0;
  for (; i + LANES <= w; i += LANES) {
    SYMO_LANES
    for (size_t l = 0; l < LANES; l++) {
      a[l] += (double)t[i + l];
      b[l] += (double)x[i + l] * (double)t[i + l];
    }
  }
  for (; i < w; i++) {
    first += (double)t[i];
    second += (double)x[i] * (double)t[i];
  }
  for (size_t l = 0; l < LANES; l++) first += a[l], second += b[l];
  return (moments){first / (double)w, second / (double)w};
}

SYMO_INLINE moments about_f32(size_t w, const float *x, double shift) {
  double a[LANES] = {0}, b[LANES] = {0}, first = 0.0, second = 0.0;
  size_t i = 0;
  for (; i + LANES <= w; i += LANES) {
    SYMO_LANES
    for (size_t l = 0; l < LANES; l++) {
      const double d = (double)x[i + l] - shift;
      a[l] += d;
      b[l] += d * d;
    }
  }
  for (; i < w; i++) {
    const double d = (double)x[i] - shift;
    first += d;
    second += d * d;
  }
  for (size_t l = 0; l < LANES; l++) first += a[l], second += b[l];
  return (moments){first / (double)w, second / (double)w};
}

SYMO_VECTOR static void normalise_f64(size_t n, size_t w, bool centre, const double *restrict x,
                                      double *restrict xhat, double *restrict scale) {
  for (size_t r = 0; r < n; r++, x += w, xhat += w) {
    const double mean = centre ? x[0] + about_f64(w, x, x[0]).mean : 0.0;
    const double factor = 1.0 / sqrt(about_f64(w, x, mean).product + EPSILON);
    for (size_t i = 0; i < w; i++) xhat[i] = (x[i] - mean) * factor;
    scale[r] = factor;
  }
}

/* In one pass about the first entry: float64 has the digits to spare for the square of a mean that is
 * as much as 10^4 times the deviation from it. */
SYMO_VECTOR static void normalise_f32(size_t n, size_t w, bool centre, const float *restrict x,
                                      float *restrict xhat, float *restrict scale) {
  for (size_t r = 0; r < n; r++, x += w, xhat += w) {
    const double shift = centre ? (double)x[0] : 0.0;
    const moments m = about_f32(w, x, shift);
    const double mean = centre ? shift + m.mean : 0.0;
    const double square = centre ? m.product - m.mean * m.mean : m.product;
    const double factor = 1.0 / sqrt((square < 0.0 ? 0.0 : square) + EPSILON);
    for (size_t i = 0; i < w; i++) xhat[i] = (float)(((double)x[i] - mean) * factor);
    scale[r] = (float)factor;
  }
}

void symo_kernel_norm(symo_dtype dtype, size_t n, size_t w, bool centre, const void *x, void *xhat,
                      void *scale) {
  if (dtype == SYMO_F64)
    normalise_f64(n, w, centre, x, xhat, scale);
  else
    normalise_f32(n, w, centre, x, xhat, scale);
}

SYMO_VECTOR static void apply_f64(size_t n, size_t k, size_t w, bool centre, const double *xhat,
                                  const double *scale, const double *t, double *out) {
  for (size_t r = 0; r < n; r++, xhat += w)
    for (size_t s = 0; s < k; s++, t += w, out += w) {
      const moments m = mean_f64(w, xhat, t);
      const double mean = centre ? m.mean : 0, along = m.product, factor = scale[r];
      SYMO_ENTRIES
      for (size_t i = 0; i < w; i++) out[i] = factor * (t[i] - mean - xhat[i] * along);
    }
}

SYMO_VECTOR static void apply_f32(size_t n, size_t k, size_t w, bool centre, const float *xhat,
                                  const float *scale, const float *t, float *out) {
  for (size_t r = 0; r < n; r++, xhat += w)
    for (size_t s = 0; s < k; s++, t += w, out += w) {
      const moments m = mean_f32(w, xhat, t);
      const float mean = centre ? (float)m.mean : 0, along = (float)m.product, factor = scale[r];
      SYMO_ENTRIES
      for (size_t i = 0; i < w; i++) out[i] = factor * (t[i] - mean - xhat[i] * along);
    }
}

void symo_kernel_norm_apply(symo_dtype dtype, size_t n, size_t k, size_t w, bool centre,
                            const void *xhat, const void *scale, const void *t, void *out) {
  if (dtype == SYMO_F64)
    apply_f64(n, k, w, centre, xhat, scale, t, out);
  else
    apply_f32(n, k, w, centre, xhat, scale, t, out);
}

SYMO_VECTOR static void curve_f64(size_t n, size_t k, size_t w, bool centre,
                                  const double *restrict xhat, const double *restrict scale,
                                  const double *restrict p, const double *restrict t,
                                  double *restrict out) {
  for (size_t r = 0; r < n; r++, xhat += w, p += w) {
    const double factor = scale[r];
    const moments of_p = mean_f64(w, xhat, p);
    const double p_mean = centre ? of_p.mean : 0.0, p_along = of_p.product;
    for (size_t s = 0; s < k; s++, t += w, out += w) {
      const moments of_t = mean_f64(w, xhat, t);
      const double mean = centre ? of_t.mean : 0.0, along = of_t.product;
      /* m(p Jt) of Jt = factor (t - mean - xhat along) */
      const double cross =
          factor * (mean_f64(w, p, t).product - mean * of_p.mean - p_along * along);
      for (size_t i = 0; i < w; i++) {
        const double x = xhat[i], moved = factor * (t[i] - mean - x * along);
        const double back = factor * (p[i] - p_mean - x * p_along);
        out[i] += (-factor * (along * back + moved * p_along + x * cross));
      }
    }
  }
}

SYMO_VECTOR static void curve_f32(size_t n, size_t k, size_t w, bool centre,
                                  const float *restrict xhat, const float *restrict scale,
                                  const float *restrict p, const float *restrict t,
                                  float *restrict out) {
  for (size_t r = 0; r < n; r++, xhat += w, p += w) {
    const double factor = (double)scale[r];
    const moments of_p = mean_f32(w, xhat, p);
    const double p_mean = centre ? of_p.mean : 0.0, p_along = of_p.product;
    for (size_t s = 0; s < k; s++, t += w, out += w) {
      const moments of_t = mean_f32(w, xhat, t);
      const double mean = centre ? of_t.mean : 0.0, along = of_t.product;
      /* m(p Jt) of Jt = factor (t - mean - xhat along) */
      const double cross =
          factor * (mean_f32(w, p, t).product - mean * of_p.mean - p_along * along);
      for (size_t i = 0; i < w; i++) {
        const double x = (double)xhat[i], moved = factor * ((double)t[i] - mean - x * along);
        const double back = factor * ((double)p[i] - p_mean - x * p_along);
        out[i] += (float)(-factor * (along * back + moved * p_along + x * cross));
      }
    }
  }
}

void symo_kernel_norm_curve(symo_dtype dtype, size_t n, size_t k, size_t w, bool centre,
                            const void *xhat, const void *scale, const void *p, const void *t,
                            void *out) {
  if (dtype == SYMO_F64)
    curve_f64(n, k, w, centre, xhat, scale, p, t, out);
  else
    curve_f32(n, k, w, centre, xhat, scale, p, t, out);
}
