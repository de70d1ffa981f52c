/* Rows of norms; norm.c has the mathematics.  Means are carried in double, in lanes. */
#include "net/kernels.h"

#include <math.h>

#include "core/vector.h"

#define EPSILON 1e-5

enum { LANES = 8 };

typedef struct moments {
  double mean, product; /* of t; of x t, or of the square */
} moments;

#define SYMO_KERNELS "net/norm_kernels.inc"
#include "core/real.h"

SYMO_VECTOR static void normalise_f64(size_t n, size_t w, bool centre, const double *restrict x,
                                      double *restrict xhat, double *restrict scale) {
  for (size_t r = 0; r < n; r++, x += w, xhat += w) {
    const double mean = centre ? x[0] + about_f64(w, x, x[0]).mean : 0.0;
    const double factor = 1.0 / sqrt(about_f64(w, x, mean).product + EPSILON);
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
  SYMO_BY_TYPE(dtype, normalise, n, w, centre, x, xhat, scale);
}

void symo_kernel_norm_apply(symo_dtype dtype, size_t n, size_t k, size_t w, bool centre,
                            const void *xhat, const void *scale, const void *t, void *out) {
  SYMO_BY_TYPE(dtype, apply, n, k, w, centre, xhat, scale, t, out);
}

void symo_kernel_norm_curve(symo_dtype dtype, size_t n, size_t k, size_t w, bool centre,
                            const void *xhat, const void *scale, const void *p, const void *t,
                            void *out) {
  SYMO_BY_TYPE(dtype, curve, n, k, w, centre, xhat, scale, p, t, out);
}
