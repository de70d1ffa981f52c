/* Rows of norms; norm.c has the mathematics.  Means are carried in double. */
#include "experiments/net/kernels.h"

#include <math.h>

#define EPSILON 1e-5

static double mean_f64(size_t w, const double *x) {
  double sum = 0.0;
  for (size_t i = 0; i < w; i++) sum += (double)x[i];
  return sum / (double)w;
}

static double product_f64(size_t w, const double *x, const double *y) {
  double sum = 0.0;
  for (size_t i = 0; i < w; i++) sum += (double)x[i] * (double)y[i];
  return sum / (double)w;
}

static double mean_f32(size_t w, const float *x) {
  double sum = 0.0;
  for (size_t i = 0; i < w; i++) sum += (double)x[i];
  return sum / (double)w;
}

static double product_f32(size_t w, const float *x, const float *y) {
  double sum = 0.0;
  for (size_t i = 0; i < w; i++) sum += (double)x[i] * (double)y[i];
  return sum / (double)w;
}

static void normalise_f64(size_t n, size_t w, bool centre, const double *x, double *xhat,
                          double *scale) {
  for (size_t r = 0; r < n; r++, x += w, xhat += w) {
    const double mean = centre ? mean_f64(w, x) : 0.0;
    double square = 0.0;
    for (size_t i = 0; i < w; i++) square += ((double)x[i] - mean) * ((double)x[i] - mean);
    const double factor = 1.0 / sqrt(square / (double)w + EPSILON);
    for (size_t i = 0; i < w; i++) xhat[i] = (double)(((double)x[i] - mean) * factor);
    scale[r] = (double)factor;
  }
}

static void normalise_f32(size_t n, size_t w, bool centre, const float *x, float *xhat,
                          float *scale) {
  for (size_t r = 0; r < n; r++, x += w, xhat += w) {
    const double mean = centre ? mean_f32(w, x) : 0.0;
    double square = 0.0;
    for (size_t i = 0; i < w; i++) square += ((double)x[i] - mean) * ((double)x[i] - mean);
    const double factor = 1.0 / sqrt(square / (double)w + EPSILON);
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

static void apply_f64(size_t n, size_t k, size_t w, bool centre, const double *xhat,
                      const double *scale, const double *t, double *out) {
  for (size_t r = 0; r < n; r++, xhat += w)
    for (size_t s = 0; s < k; s++, t += w, out += w) {
      const double mean = centre ? (double)mean_f64(w, t) : 0, factor = scale[r];
      const double along = (double)product_f64(w, xhat, t);
      for (size_t i = 0; i < w; i++) out[i] = factor * (t[i] - mean - xhat[i] * along);
    }
}

static void apply_f32(size_t n, size_t k, size_t w, bool centre, const float *xhat,
                      const float *scale, const float *t, float *out) {
  for (size_t r = 0; r < n; r++, xhat += w)
    for (size_t s = 0; s < k; s++, t += w, out += w) {
      const float mean = centre ? (float)mean_f32(w, t) : 0, factor = scale[r];
      const float along = (float)product_f32(w, xhat, t);
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

static void curve_f64(size_t n, size_t k, size_t w, bool centre, const double *xhat,
                      const double *scale, const double *p, const double *t, double *out) {
  for (size_t r = 0; r < n; r++, xhat += w, p += w) {
    const double factor = (double)scale[r];
    const double p_mean = centre ? mean_f64(w, p) : 0.0, p_along = product_f64(w, xhat, p);
    for (size_t s = 0; s < k; s++, t += w, out += w) {
      const double mean = centre ? mean_f64(w, t) : 0.0, along = product_f64(w, xhat, t);
      /* m(p Jt) of Jt = factor (t - mean - xhat along) */
      const double cross = factor * (product_f64(w, p, t) - mean * p_mean - p_along * along);
      for (size_t i = 0; i < w; i++) {
        const double x = (double)xhat[i], moved = factor * ((double)t[i] - mean - x * along);
        const double back = factor * ((double)p[i] - p_mean - x * p_along);
        out[i] += (double)(-factor * (along * back + moved * p_along + x * cross));
      }
    }
  }
}

static void curve_f32(size_t n, size_t k, size_t w, bool centre, const float *xhat,
                      const float *scale, const float *p, const float *t, float *out) {
  for (size_t r = 0; r < n; r++, xhat += w, p += w) {
    const double factor = (double)scale[r];
    const double p_mean = centre ? mean_f32(w, p) : 0.0, p_along = product_f32(w, xhat, p);
    for (size_t s = 0; s < k; s++, t += w, out += w) {
      const double mean = centre ? mean_f32(w, t) : 0.0, along = product_f32(w, xhat, t);
      /* m(p Jt) of Jt = factor (t - mean - xhat along) */
      const double cross = factor * (product_f32(w, p, t) - mean * p_mean - p_along * along);
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
