#ifndef SYMO_NET_KERNELS_H
#define SYMO_NET_KERNELS_H

#include "net/net.h"

/* Elementwise loops over dense row-major arrays of float32 or float64, chosen by dtype.  Rows are
 * examples.  Outputs may alias an input only where it says so. */

/* value and first two derivatives of phi, pointwise on count numbers; d1, d2 may be NULL.
 *   tanh  phi'' = -2 phi phi';   relu  phi'(0) = 0, phi'' = 0;
 *   gelu  z Phi(z), phi' = Phi + z f, phi'' = (2 - z^2) f, with the normal density f.
 * y may be z. */
void symo_kernel_activation(symo_dtype dtype, symo_activation activation, size_t count,
                            const void *z, void *y, void *d1, void *d2);

/* out[n,k,w] = d[n,w] x[n,k,w].  out may be x. */
void symo_kernel_scale(symo_dtype dtype, size_t n, size_t k, size_t w, const void *d, const void *x,
                       void *out);

/* out[n,k,w] += d[n,w] c[n,w] t[n,k,w]. */
void symo_kernel_curve(symo_dtype dtype, size_t n, size_t k, size_t w, const void *d, const void *c,
                       const void *t, void *out);

/* out = x + y.  out may be x or y. */
void symo_kernel_add(symo_dtype dtype, size_t count, const void *x, const void *y, void *out);

/* x[n,w] = row[w];  x[n,w] += row[w];  sum[w] += sum_n x[n,w]. */
void symo_kernel_fill_rows(symo_dtype dtype, size_t n, size_t w, const void *row, void *x);
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

/* out[i stride] = x[i], or 0 when x is NULL;  out[i] += x[i stride]. */
void symo_kernel_spread(symo_dtype dtype, size_t count, size_t stride, const void *x, void *out);
void symo_kernel_collect(symo_dtype dtype, size_t count, size_t stride, const void *x, void *out);

/* One step of a maximum: for entry 0, y = x and chosen = 0; else, where x > y, y = x and chosen =
 * entry.  A NaN stays. */
void symo_kernel_raise(symo_dtype dtype, size_t count, size_t entry, const void *x, void *y,
                       void *chosen);

/* Where chosen[n,w] is `entry`, out[n,k,w] = x[n,k,w]; elsewhere out keeps what it has, or, with
 * `clear`, is 0. */
void symo_kernel_choose(symo_dtype dtype, size_t n, size_t k, size_t w, const void *chosen,
                        size_t entry, const void *x, bool clear, void *out);

/* out[n,k,w] += x[n,w] v[k,w];  sum[k,w] += sum_n x[n,w] t[n,k,w]. */
void symo_kernel_outer(symo_dtype dtype, size_t n, size_t k, size_t w, const void *x, const void *v,
                       void *out);
void symo_kernel_inner(symo_dtype dtype, size_t n, size_t k, size_t w, const void *x, const void *t,
                       void *sum);

/* g[rows,cols] = d a', or += with `add`;  sum[w] = the sum of `count` rows x, `apart` numbers from
 * one to the next. */
void symo_kernel_pair(symo_dtype dtype, size_t rows, size_t cols, bool add, const void *d,
                      const void *a, void *g);
void symo_kernel_sum_apart(symo_dtype dtype, size_t count, size_t w, size_t apart, const void *x,
                           void *sum);

/* With c [p,n,w] and t [p,n,k,w]: s[k][first + n] = sum_p,w c t, of rows of `all` numbers; and
 * t = s c. */
void symo_kernel_score(symo_dtype dtype, size_t p, size_t n, size_t k, size_t w, const void *c,
                       const void *t, size_t all, size_t first, void *s);
void symo_kernel_unscore(symo_dtype dtype, size_t p, size_t n, size_t k, size_t w, const void *c,
                         size_t all, size_t first, const void *s, void *t);

/* Norms of rows, norm.c has the mathematics: xhat[n,w] and scale[n];  out = J t, [n,k,w], which may
 * be t;  out += the second derivative along t of what J p is, p [n,w]. */
void symo_kernel_norm(symo_dtype dtype, size_t n, size_t w, bool centre, const void *x, void *xhat,
                      void *scale);
void symo_kernel_norm_apply(symo_dtype dtype, size_t n, size_t k, size_t w, bool centre,
                            const void *xhat, const void *scale, const void *t, void *out);
void symo_kernel_norm_curve(symo_dtype dtype, size_t n, size_t k, size_t w, bool centre,
                            const void *xhat, const void *scale, const void *p, const void *t,
                            void *out);

/* Conversions. */
void symo_kernel_from_double(symo_dtype dtype, size_t count, const double *x, void *out);
void symo_kernel_to_double(symo_dtype dtype, size_t count, const void *x, double *out);
bool symo_kernel_any(symo_dtype dtype, size_t count, const void *x); /* some entry is not zero */

#endif
