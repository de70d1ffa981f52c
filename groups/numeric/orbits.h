#ifndef SYMO_GROUPS_NUMERIC_ORBITS_H
#define SYMO_GROUPS_NUMERIC_ORBITS_H

#include "groups/generators.h"

/* Orbits of index tuples under signed permutations: the invariant tensors of order k have one
 * dimension for each orbit of k-tuples that does not meet itself with the other sign; counts[k] is
 * their number for k = 1 .. most <= SYMO_TUPLES, 0 beyond.
 *
 * Found by a chain of stabilisers, (i), (i, j), .., from random elements of each: a count is never
 * below the truth, and above it only if random elements fail to generate a stabiliser.  *counted is
 * false where there are other generators, or too many stabilisers to look at. */
enum { SYMO_TUPLES = 4 };
symo_status symo_tuple_orbits(const generator_set *set, size_t most, bool *counted,
                              size_t counts[SYMO_TUPLES + 1]);

/* The longest tuples that the commutant of the sum of the tensor powers in `orders` calls for. */
static inline size_t symo_tuples_of(unsigned orders) { return orders >> 2 & 1 ? 4 : 2; }

/* The dimension of the commutant of the sum of the tensor powers in `orders`, bits 1 and 2, by the
 * same count; 0: not counted. */
symo_status symo_commutant_count(const generator_set *set, unsigned orders, size_t *count);

/* Ways to part k <= SYMO_TUPLES things into at most d sets: the orbits of k-tuples under S_d. */
size_t symo_set_partitions(size_t k, size_t d);

/* The row of the registry with closed forms for all the powers in `orders` whose group contains this
 * one and has no larger a commutant, so that both have the same irreps, copies and types there; NULL
 * if none is proved to be. */
symo_status symo_group_recognise(const generator_set *set, unsigned orders, const symo_group **out);

#endif
