#ifndef SYMO_OPTIM_ORBIT_MOMENTS_H
#define SYMO_OPTIM_ORBIT_MOMENTS_H

#include "core/linalg.h"

/* z: dense [rows, m].  sum[j] = sum_i (scale z_ij)^2;  z_ij *= f[j]. */
void symo_column_squares(symo_dtype dtype, size_t rows, size_t m, double scale, const void *z,
                         double *sum);
void symo_column_scale(symo_dtype dtype, size_t rows, size_t m, const double *f, void *z);

/* v, z: [n].  v = beta v + weight (scale z)^2;  z = back z / ((scale v)^half + eps), 0 over 0. */
void symo_entry_squares(symo_dtype dtype, size_t n, double beta, double weight, double scale,
                        const void *z, void *v);
void symo_entry_divide(symo_dtype dtype, size_t n, double scale, double half, double back,
                       double eps, const void *v, void *z);

#endif
