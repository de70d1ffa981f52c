#ifndef SYMO_TESTS_SUPPORT_ORACLE_H
#define SYMO_TESTS_SUPPORT_ORACLE_H

#include <symo/symo.h>

/* Brute force: every element of the (finite) group of a layout, acting by index arithmetic that
 * shares nothing with the library.  Groups: identity, permutation, signed-permutation, sign-flip.
 */
typedef void (*oracle_visitor)(void *self, const double *rho, size_t n);

/* Number of elements of the group; 0 if a group is not finite or there are more than `limit`. */
size_t oracle_order(const symo_layout *layout, size_t limit);

/* Dense rho(g), [P, P] row-major, for every g in turn. */
void oracle_for_each(const symo_layout *layout, oracle_visitor visit, void *self);

/* out = average of rho(g) A rho(g)', [P, P].  out does not alias A. */
void oracle_average(const symo_layout *layout, const double *a, double *out);

/* out = average of rho(g) x, [P]. */
void oracle_mean(const symo_layout *layout, const double *x, double *out);

/* Dense matrices, [n, n] row-major, by GSL's Jacobi-free symmetric eigensolver (independent of
 * LAPACK): out = f(A) with f applied to eigenvalues. */
void oracle_spectral(size_t n, const double *a, double (*f)(double value, double largest),
                     double *out);

void oracle_multiply(size_t n, const double *a, const double *b, double *out);

/* A random layout: two or three spaces of the groups that the bits of `groups` name (bit k: group k
 * of the registry) with at most `elements` elements, and two to four tensors of order 0 to 3 with
 * spaces repeated at most twice; at most `parameters` parameters. */
symo_layout *oracle_random_layout(symo_context *context, symo_rng *rng, unsigned groups,
                                  size_t elements, size_t parameters);

#endif
