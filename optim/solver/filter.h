#ifndef SYMO_OPTIM_SOLVER_FILTER_H
#define SYMO_OPTIM_SOLVER_FILTER_H

#include <stddef.h>
#include <symo/optim.h>

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

/* Where the bend of a matrix is: `factor` times a reference (symo/optim.h).  Zeros: where the shape
 * says. */
typedef struct symo_filter_bend {
  symo_cut_reference reference;
  double factor;
  double edge; /* noise: the largest singular value of noise alone */
} symo_filter_bend;

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
 * most `tolerance`, or with the most there are.  Filters of the presets are tabled, and what has been
 * fitted once in this process with so many products is remembered; others take a tenth of a second
 * and more.  The same filter every time.  Any thread.  SYMO_E_MEMORY; SYMO_E_ARGUMENT for a shape
 * out of range. */
symo_status symo_filter_fit(const symo_filter_shape *shape, int products, double tolerance,
                            symo_filter *out);

/* The same without table and memory: what the table holds. */
symo_status symo_filter_compute(const symo_filter_shape *shape, int products, double tolerance,
                                symo_filter *out);

/* Filters for any cut c of SYMO_FILTER_LEAST and above, in units of the 4-norm: each is fitted to a
 * cut twice that of the one before, and with the last one whose cut b is not above c, on a matrix
 * in units of its 4-norm times c / b, so that its singular values lie in [0, b / c], the bend is at
 * c. */
enum { SYMO_FILTER_RUNGS = 7 };
#define SYMO_FILTER_LEAST 0.006
double symo_filter_rung_cut(int rung);
int symo_filter_rung_of(double cut);

/* The cut in units of the 4-norm of a matrix, of n singular values, from the sum of their squares
 * and the norm of these, sqrt(sum s^4), in the unit of edge^2. */
double symo_filter_cut(const symo_filter_shape *shape, const symo_filter_bend *bend, size_t n,
                       double trace, double norm);

/* The table: filters of common shapes.  NULL past the end. */
const symo_filter *symo_filter_known(size_t index);

#endif
