/* Second moments by column and by entry of coordinates in a basis (basis.c): sums and
 * powers in float64, numbers in either type. */
#include "optim/orbit/moments.h"

#include <math.h>

void symo_column_squares(symo_dtype dtype, size_t rows, size_t m, double scale, const void *z,
                         double *sum) {
  for (size_t j = 0; j < m; j++) sum[j] = 0;
  for (size_t i = 0; i < rows; i++) {
    const void *row = symo_at(dtype, z, (ptrdiff_t)(i * m));
    const float *single = row;
    const double *twice = row;
    if (dtype == SYMO_F32)
      for (size_t j = 0; j < m; j++) {
        double x = scale * (double)single[j];
        sum[j] += x * x;
      }
    else
      for (size_t j = 0; j < m; j++) sum[j] += scale * twice[j] * (scale * twice[j]);
  }
}

void symo_column_scale(symo_dtype dtype, size_t rows, size_t m, const double *f, void *z) {
  for (size_t i = 0; i < rows; i++) {
    void *row = symo_at(dtype, z, (ptrdiff_t)(i * m));
    float *single = row;
    double *twice = row;
    if (dtype == SYMO_F32)
      for (size_t j = 0; j < m; j++) single[j] = (float)((double)single[j] * f[j]);
    else
      for (size_t j = 0; j < m; j++) twice[j] *= f[j];
  }
}

static double power_of(double v, double half) { return half == 0.5 ? sqrt(v) : pow(v, half); }

void symo_entry_squares(symo_dtype dtype, size_t n, double beta, double weight, double scale,
                        const void *z, void *v) {
  const float *z32 = z;
  const double *z64 = z;
  float *v32 = v;
  double *v64 = v;
  if (dtype == SYMO_F32)
    for (size_t i = 0; i < n; i++) {
      double x = scale * (double)z32[i];
      v32[i] = (float)(beta * (double)v32[i] + weight * (x * x));
    }
  else
    for (size_t i = 0; i < n; i++)
      v64[i] = beta * v64[i] + weight * (scale * z64[i] * (scale * z64[i]));
}

void symo_entry_divide(symo_dtype dtype, size_t n, double scale, double half, double back,
                       double eps, const void *v, void *z) {
  const float *v32 = v;
  const double *v64 = v;
  float *z32 = z;
  double *z64 = z;
  if (dtype == SYMO_F32)
    for (size_t i = 0; i < n; i++) {
      double below = power_of(scale * (double)v32[i], half) + eps;
      z32[i] = below > 0 ? (float)(back * (double)z32[i] / below) : 0;
    }
  else
    for (size_t i = 0; i < n; i++) {
      double below = power_of(scale * v64[i], half) + eps;
      z64[i] = below > 0 ? back * z64[i] / below : 0;
    }
}
