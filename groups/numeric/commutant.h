#ifndef SYMO_GROUPS_NUMERIC_COMMUTANT_H
#define SYMO_GROUPS_NUMERIC_COMMUTANT_H

#include "groups/generators.h"

/* Tensors of order k are arrays of d^k numbers, row-major; the group acts on each axis. */

/* y = generator `index` (order monomial, dense, lie) acting on `count` tensors of the given order,
 * one after another; a Lie generator acts as a derivation.  x, y, work: count d^order numbers, apart
 * from each other. */
void symo_generator_act(const generator_set *set, size_t index, unsigned order, size_t count,
                        const double *x, double *y, double *work);

/* Frobenius norm of a Lie generator, 1 for the others: what a defect is measured in. */
double symo_generator_scale(const generator_set *set, size_t index);

/* num independent random linear maps from tensors of order q to tensors of order p that commute
 * with the group: out[i] is [d^p, d^q], row-major.  They are projections of matrices with
 * independent standard normal entries, so in any basis of the invariant maps that is orthonormal in
 * the Frobenius product the coordinates are independent standard normals: a map that is not zero
 * has a norm near 1 or above.  d^(p+q) <= 2^24.
 * Signed permutations alone: exact, and *dimension is the dimension of the space of such maps.
 * Else *dimension is 0, and generators leave a defect of 1e-11 at most, typically 1e-14, absolute
 * or relative to the norm; SYMO_NO_CONVERGENCE if that is not reached. */
symo_status symo_commutant_draw(const generator_set *set, unsigned p, unsigned q, symo_rng *rng,
                                size_t num, double *const *out, size_t *dimension);

/* d^p, or SIZE_MAX. */
size_t symo_tensor_size(size_t d, unsigned p);

#endif
