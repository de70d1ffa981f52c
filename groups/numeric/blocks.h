#ifndef SYMO_GROUPS_NUMERIC_BLOCKS_H
#define SYMO_GROUPS_NUMERIC_BLOCKS_H

#include "groups/numeric/transform.h"

/* Generators under which the points fall into blocks, each permuted at will: closed forms on one and
 * two axes, 10 flops or so a number.
 *
 * *out is NULL unless that is proved: unless tuples of the length that the powers in `orders` (bits 1
 * and 2) call for have as many orbits as under the product of the symmetric groups of the blocks, in
 * which the group lies (groups/numeric/recognise.c says why that is enough). */
symo_status symo_blocks_create(const generator_set *set, unsigned orders, group_transform **out);

#endif
