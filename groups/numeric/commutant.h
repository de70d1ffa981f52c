#ifndef SYMO_GROUPS_NUMERIC_COMMUTANT_H
#define SYMO_GROUPS_NUMERIC_COMMUTANT_H

#include "groups/generators.h"

/* Tensors of order k are arrays of d^k numbers, row-major; the group acts on each axis. */

/* y = the action of generator `index` on `count` tensors of the given order, stored one after the
 * other.  Generators are numbered monomial, dense, Lie; a Lie generator acts as a derivation.  x, y
 * and work: count d^order numbers each; they share no memory. */
void symo_generator_act(const generator_set *set, size_t index, unsigned order, size_t count,
                        const double *x, double *y, double *work);

/* The unit of defects: the Frobenius norm of a Lie generator, 1 for all other generators. */
double symo_generator_scale(const generator_set *set, size_t index);

/* Draws `num` independent random linear maps, from tensors of order q to tensors of order p, that
 * commute with the group.  out[i]: [d^p, d^q], row-major.  A map is the projection of a matrix with
 * independent standard normal entries.  So its coordinates in any orthonormal basis of the
 * commuting maps are independent standard normals, and a map that is not zero has a norm of about 1
 * or more.  d^(p+q) <= 2^24.
 * If all generators are signed permutations, the maps are exact and *dimension is the dimension of
 * the space of commuting maps.  Otherwise *dimension is 0, and the maps commute with the generators
 * up to 1e-11 (typically 1e-14), absolute or relative to their norm; SYMO_NO_CONVERGENCE if this is
 * not reached. */
symo_status symo_commutant_draw(const generator_set *set, unsigned p, unsigned q, symo_rng *rng,
                                size_t num, double *const *out, size_t *dimension);

/* d^p, or SIZE_MAX if that overflows. */
size_t symo_tensor_size(size_t d, unsigned p);

#endif
