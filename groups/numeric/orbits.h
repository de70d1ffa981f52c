#ifndef SYMO_GROUPS_NUMERIC_ORBITS_H
#define SYMO_GROUPS_NUMERIC_ORBITS_H

#include "groups/generators.h"

/* Counts orbits of index tuples under signed permutations.  The dimension of the invariant tensors
 * of order k is the number of orbits of k-tuples, without the orbits that contain a tuple with both
 * signs.  counts[k] is this number for k = 1 .. most <= SYMO_TUPLES, and 0 for larger k.
 *
 * The method uses random elements of a chain of stabilisers, (i), (i, j), ..  A count is never too
 * small; it is too large only if the random elements do not generate a stabiliser.  *counted is
 * false if there are generators of other kinds or too many stabilisers. */
enum { SYMO_TUPLES = 4 };
symo_status symo_tuple_orbits(const generator_set *set, size_t most, bool *counted,
                              size_t counts[SYMO_TUPLES + 1]);

/* The length of the longest tuples that determine the commutant of the tensor powers in
 * `orders`. */
static inline size_t symo_tuples_of(unsigned orders) { return orders >> 2 & 1 ? 4 : 2; }

/* *count = the dimension of the commutant of the sum of the tensor powers in `orders`, bits 1 and
 * 2, by the same method; 0 if it was not counted. */
symo_status symo_commutant_count(const generator_set *set, unsigned orders, size_t *count);

/* Number of partitions of k <= SYMO_TUPLES things into at most d sets, which is the number of
 * orbits of k-tuples under S_d. */
size_t symo_set_partitions(size_t k, size_t d);

/* *out = the row of the registry whose group contains this one and has a commutant of the same
 * dimension on the powers in `orders`, so that both have the same irreps, copies and types there.
 * The row has closed forms for these powers.  NULL if this could not be proved for any row. */
symo_status symo_group_recognise(const generator_set *set, unsigned orders, const symo_group **out);

#endif
