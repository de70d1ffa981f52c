#ifndef SYMO_GROUPS_NUMERIC_BLOCKS_H
#define SYMO_GROUPS_NUMERIC_BLOCKS_H

#include "groups/numeric/transform.h"

/* Closed forms on one and two axes for a group whose orbits on the points are blocks, if it has the
 * same irreps as the product of the symmetric groups of the blocks.  About 10 flops for each
 * number.
 *
 * The group is a subgroup of that product.  It has the same irreps if index tuples have equally
 * many orbits under both; the length of the tuples follows from the powers in `orders`, bits 1 and
 * 2 (groups/numeric/recognise.c has the proof).  *out is NULL if this is not the case. */
symo_status symo_blocks_create(const generator_set *set, unsigned orders, group_transform **out);

#endif
