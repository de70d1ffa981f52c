#ifndef SYMO_TESTS_SUPPORT_CLOSED_H
#define SYMO_TESTS_SUPPORT_CLOSED_H

#include "tests/support/claim.h"
#include "tests/support/world.h"

/* Closed forms of a few groups at a time, against brute force and against numerical irreps. */

typedef struct symo_closed_space {
  const char *name; /* one letter */
  size_t dim;
  const symo_group *group;
  const symo_claim *claim; /* all its elements; NULL for the identity */
} symo_closed_space;

/* The layout with these spaces and tensors written as their axes, "h hh ih". */
void symo_closed_build(symo_world *w, size_t num, const symo_closed_space *spaces,
                       const char *tensors);

/* Builds it and looks at covariance and mean (both number types), Reynolds average and diagonal;
 * then as the next. */
void symo_closed_check(symo_world *w, size_t num, const symo_closed_space *spaces,
                       const char *tensors);

/* Only what needs no list of elements: completeness, and estimates commute with samples. */
void symo_closed_check_samples(symo_world *w, size_t num, const symo_closed_space *spaces,
                               const char *tensors);

/* Estimates equal those with the first space under what the generators of its group generate. */
void symo_closed_check_custom(symo_world *w, size_t num, const symo_closed_space *spaces,
                              const char *tensors);

/* Coordinates of a group on `order` axes, with lanes: rows [first, first + n) are those of the
 * whole. */
void symo_closed_check_cuts(symo_world *w, const symo_group *group, size_t dim, int order);

/* Matrices [d, d] that generate cyclic, dihedral, symmetric and hyperoctahedral groups. */
typedef enum symo_closed_kind { SYMO_SHIFT, SYMO_REVERSAL, SYMO_SWAP, SYMO_FLIP } symo_closed_kind;
void symo_closed_matrix(symo_closed_kind kind, size_t d, double *out);

/* All elements of what `num` of them generate, and of K wr S_h and K^h from the elements of K. */
symo_claim symo_closed_group(size_t d, size_t num, const symo_closed_kind *kinds);
symo_claim symo_closed_elements(size_t d, size_t num, symo_closed_kind a, symo_closed_kind b,
                                symo_closed_kind c); /* the same, up to three */
symo_claim symo_closed_wreath(size_t copies, const symo_claim *k);
symo_claim symo_closed_power(size_t copies, const symo_claim *k);

/* All of these checks for copies of a space under K, `row` being wreath or power, beside two spaces
 * that stand still.  of_k: all elements of K; takes over both. */
void symo_closed_check_copies(symo_world *w, const char *row, size_t copies, const symo_group *k,
                              symo_claim of_k, const char *tensors);

#endif
