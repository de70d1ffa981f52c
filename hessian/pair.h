#ifndef SYMO_HESSIAN_PAIR_H
#define SYMO_HESSIAN_PAIR_H

#include <symo/kfac.h>

/* Functions of a Kronecker product of two factors that are held in their eigenbases (pair.c).
 *
 * A factor is V' diag(values) V + tail (I - V'V) with V [k, n], orthonormal in its rows; k = n has
 * no tail.  v NULL: the identity, for factors that are diagonal (k = n). */
typedef struct factor_basis {
  size_t n, k;
  const void *v;
  const double *values; /* [k], >= 0 */
  double tail;
} factor_basis;

/* G (x) A on matrices [g.n, a.n]; moments, [g.n, a.n] of the dtype, take the place of the products
 * of values, for full bases.  NULL: there are none. */
typedef struct factor_pair {
  symo_dtype dtype;
  factor_basis g, a;
  const void *moments;
} factor_pair;

/* (G (x) A, damped)^power. */
typedef struct pair_function {
  symo_kfac_damping damping;
  double lambda, power;
} pair_function;

double symo_basis_trace(const factor_basis *b);
double symo_pair_trace(const factor_pair *p); /* without damping */

/* What damping adds to either factor (0 where it is exact), given the means of their eigenvalues. */
void symo_pair_shifts(double inputs, double outputs, pair_function f, double *input_shift,
                      double *output_shift);

/* The eigenvalue of row i and column j after damping; i = g.k and j = a.k are the tails.  Without
 * damping, values that rounding leaves of zero (`zero`) are zero, and so is their power. */
typedef struct pair_spectrum {
  const factor_pair *pair;
  pair_function f;
  double input_shift, output_shift; /* of factored damping */
  double zero;
} pair_spectrum;
pair_spectrum symo_pair_spectrum(const factor_pair *p, pair_function f);
double symo_pair_value(const pair_spectrum *s, size_t i, size_t j);

/* y := f(G (x) A) x, both [g.n, a.n], dense and apart.  work: symo_pair_work bytes. */
size_t symo_pair_work(const factor_pair *p, pair_function f);
void symo_pair_apply(const factor_pair *p, pair_function f, const void *x, void *y, void *work);
double symo_pair_flops(const factor_pair *p, pair_function f);

#endif
