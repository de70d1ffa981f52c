#ifndef SYMO_TESTS_SUPPORT_DECOMPOSITION_H
#define SYMO_TESTS_SUPPORT_DECOMPOSITION_H

#include "groups/numeric/isotypic.h"

/* Asserts what the header says of every isotypic decomposition, dense and from first principles:
 * projectors on the irreps that add up to the identity, random elements acting on all columns of an
 * irrep by one orthogonal matrix, and Gram matrices that are the average of x x' over the group: by
 * all elements, if finite (1000 at most), else by what makes it that projection. */
void decomposition_check(const generator_set *set, const isotypic *iso, symo_rng *rng, bool finite);

#endif
