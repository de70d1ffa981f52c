#ifndef SYMO_OPTIM_SOLVER_FILTER_H
#define SYMO_OPTIM_SOLVER_FILTER_H

#include <symo/status.h>

/* What a step makes of singular values s, in units of the Schatten 4-norm of their matrix,
 * (sum s^4)^{1/4}, which is never below the largest:
 *     f(s) = s (s^order + cut^order)^{-alpha / order} .
 * Far above the cut f is s^{1-alpha}, far below it falls in proportion to s.  With order = alpha it
 * is s / (s^alpha + cut^alpha), the filter of Spectral Newton (arXiv 2606.02596); order 2 is
 * damping of the covariance; a high order makes a sharp bend.  On eigenvalues z = s^2 of the
 * covariance, f(s) / s = g(z) with
 *     g(z) = (z^{order/2} + cut^order)^{-alpha / order} . */
typedef struct symo_filter_shape {
  double alpha; /* (0, 2] */
  double cut;   /* (0, 1) */
  double order; /* above 0 */
} symo_filter_shape;

double symo_filter_value(const symo_filter_shape *shape, double z); /* g(z), z >= 0 */

/* A polynomial near g on [0, 1], of degree 2^products in z, by one product of matrices for each
 * doubling:
 *     p_1 = slope z + offset ,  p_{j+1} = scale_j p_j^2 + shift_j ,  g ~ weight_0 + sum_j weight_j p_j
 * with |p_j| <= 1 on [0, 1]. */
enum { SYMO_FILTER_MOST = 12 }; /* products */
typedef struct symo_filter {
  symo_filter_shape shape;
  int products;
  double slope, offset;
  double scale[SYMO_FILTER_MOST], shift[SYMO_FILTER_MOST];
  double weight[SYMO_FILTER_MOST + 2];
  /* The largest error of s g(s^2), relative to f(s) where s >= cut / 2, and to f(cut / 2) below. */
  double error;
} symo_filter;

double symo_filter_polynomial(const symo_filter *filter, double z);

/* Fits a filter with so many products, 1 to SYMO_FILTER_MOST; 0: with the fewest whose error is at
 * most `tolerance`, or with the most there are.  Common shapes are tabled, others take some tenths
 * of a second.  The same filter every time.  SYMO_E_MEMORY; SYMO_E_ARGUMENT for a shape out of
 * range. */
symo_status symo_filter_fit(const symo_filter_shape *shape, int products, double tolerance,
                            symo_filter *out);

#endif
