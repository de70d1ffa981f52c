#ifndef SYMO_GROUPS_NUMERIC_FACTORED_H
#define SYMO_GROUPS_NUMERIC_FACTORED_H

#include "groups/numeric/transform.h"

/* R^d (x) R^d by way of the irreps of R^d:  with  R^d = sum_j R^{m_j} (x) V_j  it is the sum over
 * pairs of R^{m_j m_k} (x) (V_j (x) V_k), and only V_j (x) V_k, j <= k, is split, once.  The basis
 * of d^2 x d^2 numbers is never formed.
 *
 * Cost, with N = n_j n_k and S = SYMO_FACTORED_ELEMENTS random elements, summed over pairs:
 *     S 2 (2 N^2) 2 (n_j + n_k)  flops to project random matrices on the commutant,
 *     30 N^3  to split them,  8 N^2 bytes kept and 80 N^2 (the largest pair) while it is made.
 * orders: bits 1 and 2.  SYMO_E_SIZE with predicted seconds and bytes beyond the limits, of which
 * the first is SYMO_FACTORED_FLOPS or `most_flops`, if that is less. */
enum { SYMO_FACTORED_ELEMENTS = 160 };

#define SYMO_FACTORED_FLOPS 1.5e12

symo_status symo_factored_create(const generator_set *set, unsigned orders, double most_flops,
                                 uint64_t seed, group_transform **out);

#endif
