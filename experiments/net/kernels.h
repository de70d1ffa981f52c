#ifndef SYMO_EXPERIMENTS_NET_KERNELS_H
#define SYMO_EXPERIMENTS_NET_KERNELS_H

#include "experiments/net/net.h"

/* Elementwise loops over dense row-major arrays of float32 or float64, chosen by dtype.  Rows are
 * examples.  Outputs may alias an input only where it says so. */

/* value and first two derivatives of phi, pointwise on count numbers; d1, d2 may be NULL.
 *   tanh  phi'' = -2 phi phi';   relu  phi'(0) = 0, phi'' = 0;
 *   gelu  z Phi(z), phi' = Phi + z f, phi'' = (2 - z^2) f, with the normal density f. */
void symo_kernel_activation(symo_dtype dtype, symo_activation activation, size_t count,
                            const void *z, void *y, void *d1, void *d2);

/* out[n,k,w] = d[n,w] x[n,k,w].  out may be x. */
void symo_kernel_scale(symo_dtype dtype, size_t n, size_t k, size_t w, const void *d, const void *x,
                       void *out);

/* out[n,k,w] += d[n,w] c[n,w] t[n,k,w]. */
void symo_kernel_curve(symo_dtype dtype, size_t n, size_t k, size_t w, const void *d, const void *c,
                       const void *t, void *out);

/* x[n,w] += row[w];  sum[w] += sum_n x[n,w]. */
void symo_kernel_add_row(symo_dtype dtype, size_t n, size_t w, const void *row, void *x);
void symo_kernel_sum_rows(symo_dtype dtype, size_t n, size_t w, const void *x, void *sum);

/* delta = f - y (unless NULL); returns the sum of squares. */
double symo_kernel_residual(symo_dtype dtype, size_t count, const void *f, const void *y,
                            void *delta);

/* p = s softmax(f) with s the sum of the targets y of the row (unless NULL); returns the sum of
 * -y_k log softmax(f)_k by log-sum-exp, finite for logits of any finite size. */
double symo_kernel_softmax(symo_dtype dtype, size_t n, size_t w, const void *f, const void *y,
                           void *p);

/* out[n,k,:] = (diag(p) - p p' / sum p) t[n,k,:], the second derivative of the softmax loss. */
void symo_kernel_softmax_curve(symo_dtype dtype, size_t n, size_t k, size_t w, const void *p,
                               const void *t, void *out);

/* Conversions. */
void symo_kernel_from_double(symo_dtype dtype, size_t count, const double *x, void *out);
void symo_kernel_to_double(symo_dtype dtype, size_t count, const void *x, double *out);
bool symo_kernel_any(symo_dtype dtype, size_t count, const void *x); /* some entry is not zero */

#endif
