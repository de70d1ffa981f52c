#ifndef SYMO_GROUPS_NUMERIC_FACTORED_H
#define SYMO_GROUPS_NUMERIC_FACTORED_H

#include "groups/numeric/transform.h"

/* Decomposes R^d (x) R^d by means of the irreps of R^d.  If R^d = sum_j R^{m_j} (x) V_j, then
 * R^d (x) R^d is the sum over pairs of R^{m_j m_k} (x) (V_j (x) V_k), so it suffices to split
 * V_j (x) V_k for j <= k.  The basis of d^2 x d^2 numbers is never formed.
 *
 * Cost, with N = n_j n_k and S = SYMO_FACTORED_ELEMENTS random elements, summed over pairs:
 *     S 2 (2 N^2) 2 (n_j + n_k)  flops to project random matrices on the commutant,
 *     30 N^3  flops to split them,  8 N^2 bytes for the result,
 *     80 N^2  bytes of workspace for the largest pair.
 * orders: bits 1 and 2.  SYMO_E_SIZE if the flops exceed most_flops or SYMO_FACTORED_FLOPS, or if
 * the memory is too large; the detail gives the predicted seconds and bytes. */
enum { SYMO_FACTORED_ELEMENTS = 160 };

#define SYMO_FACTORED_FLOPS 1.5e12

symo_status symo_factored_create(const generator_set *set, unsigned orders, double most_flops,
                                 uint64_t seed, group_transform **out);

#endif
