#ifndef SYMO_TESTS_SUPPORT_SCALING_H
#define SYMO_TESTS_SUPPORT_SCALING_H

#include "tests/support/world.h"

/* Averages over layouts with scaling spaces, by index arithmetic and quadrature: permutations one
 * by one, signs by parity, scales by Gauss and Legendre's rule.  Groups: identity, permutation,
 * signed-permutation, sign-flip, scaling. [P, P] and [P]; the caller frees. */

/* The average of rho^-T A rho^-1; cross: of rho^-T A rho', where A = g theta'. */
double *scaling_average(const symo_layout *layout, const double *a, bool cross);

/* The average of rho x. */
double *scaling_mean(const symo_layout *layout, const double *x);

/* y := how(e, x) for flat vectors, through vectors of a dtype that are stored in some way. */
typedef symo_status (*scaling_action)(const symo_element *e, symo_const_vector x, symo_vector y);
void scaling_move(symo_world *w, const symo_element *e, scaling_action how, symo_dtype t,
                  const double *x, double *y);

/* E c^e for log c uniform on [-a, a]. */
double scaling_moment(double a, int e);

#endif
