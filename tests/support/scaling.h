#ifndef SYMO_TESTS_SUPPORT_SCALING_H
#define SYMO_TESTS_SUPPORT_SCALING_H

#include "tests/support/world.h"

/* Averages over layouts with scaling spaces, by index arithmetic and quadrature: permutations one by
 * one, signs by parity, scales by Gauss and Legendre's rule.  Groups: identity, permutation,
 * signed-permutation, sign-flip, scaling.  [P, P] and [P]; the caller frees. */

/* The average of rho^-T A rho^-1; cross: of rho^-T A rho', where A = g theta'. */
double *scaling_average(const symo_layout *layout, const double *a, bool cross);

/* The average of rho x. */
double *scaling_mean(const symo_layout *layout, const double *x);

/* E c^e for log c uniform on [-a, a]. */
double scaling_moment(double a, int e);

#endif
